"""From numbers to what people read: leaderboard, findings, charts, page, export."""

"""Every method on the two-task plane, all starts at once: where does each end, and what do papers print?"""

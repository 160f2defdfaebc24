"""What is asked: from a TOML file to the cells that it stands for; no cell is trained here."""

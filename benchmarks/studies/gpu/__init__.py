"""What an accelerator does with our steps and runs, measured with one command within eight minutes."""

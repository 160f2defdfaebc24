"""The contract of a method: its base classes, what it is shown, what it answers and what it declares about itself."""

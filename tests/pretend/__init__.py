"""A pretend accelerator, and programs that run on it; to import the package changes torch for the whole process."""

from tests.pretend import accelerator as accelerator  # before any other module takes something of torch

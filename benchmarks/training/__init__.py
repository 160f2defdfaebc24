"""Trains the cells of one job, returns their records and saves models; knows no results folder and no other job."""

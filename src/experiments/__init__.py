"""Experiments: all families on one data set (`compare`), and every technique of the main path on and off (`study`)."""

"""What training, memory, sampling and starting cost on this machine: `python -m benchmarks` from the repository's root.

Absolute times mean little on a machine that does something else as well. So whatever is compared is measured in turns
within one run, and the ratio of each turn is reported beside the medians.
"""

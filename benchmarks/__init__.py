"""Speed and memory beside peers in the same run (`make bench`), and the published coverage table (`make coverage`)."""

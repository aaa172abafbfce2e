"""The command `scaling-fast`: each verb reads its options, calls one function and prints the answer."""

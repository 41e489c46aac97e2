"""How Go reads and verifies certificates, which is how The Things Stack does.

Each module follows one source file of Go's standard library, function by function, quirks included, so that a
verdict here is the verdict there. Two releases are followed: the one that The Things Stack 3.32 names, and the newest.
"""

package main

import "syscall"

// peak is the most memory that a process had resident, in bytes.
func peak(usage *syscall.Rusage) int64 { return usage.Maxrss << 10 }

//go:build !linux

package main

import "syscall"

// peak is the most memory that a process had resident, in bytes. Not every system says.
func peak(*syscall.Rusage) int64 { return 0 }

//go:build !linux

package main

// peak is the most memory that a process has resident until it ends, in bytes. Not every system says.
func peak(_ int, ended <-chan struct{}) int64 {
	<-ended
	return 0
}

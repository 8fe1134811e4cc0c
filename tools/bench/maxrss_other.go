//go:build !darwin

package main

// maxrssUnit is what getrusage counts memory in: kilobytes, but for macOS.
const maxrssUnit = 1024

package main

// maxrssUnit is what getrusage counts memory in: bytes on macOS.
const maxrssUnit = 1

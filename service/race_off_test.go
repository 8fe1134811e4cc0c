//go:build !race

package main

const kindOfBuild = "without the race detector"

//go:build race

package main

const kindOfBuild = "with the race detector"

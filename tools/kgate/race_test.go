//go:build race

package main

// underRace says that everything takes five times as long.
const underRace = true

package main

import (
	"os/exec"
	"syscall"
)

// dieWithParent ends a program when this one is killed before it can stop it.
func dieWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }

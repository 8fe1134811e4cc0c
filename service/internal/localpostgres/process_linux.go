package localpostgres

import "syscall"

// dieWithParent has the server shut down when a test binary is killed before it can stop it.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGQUIT }

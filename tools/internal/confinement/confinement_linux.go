package confinement

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	seccomp "github.com/elastic/go-seccomp-bpf"
	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// Rights of Landlock. What is handled is refused everywhere but where a rule gives it back.
const (
	execute = landlock.AccessFSSet(ll.AccessFSExecute)
	// Those that a regular file takes, and those of a directory.
	writeFile = landlock.AccessFSSet(ll.AccessFSWriteFile | ll.AccessFSTruncate)
	writeDir  = writeFile | landlock.AccessFSSet(ll.AccessFSMakeReg|ll.AccessFSMakeDir|ll.AccessFSRemoveFile|ll.AccessFSRemoveDir)
	special   = landlock.AccessFSSet(ll.AccessFSMakeChar | ll.AccessFSMakeBlock | ll.AccessFSMakeFifo | ll.AccessFSMakeSock | ll.AccessFSMakeSym)
	network   = landlock.AccessNetSet(ll.AccessNetBindTCP | ll.AccessNetConnectTCP)
)

// refused are the system calls that start a program, open a socket, or reach around both: io_uring opens sockets
// without a system call of that name, and ptrace writes into other processes.
var refused = []string{
	"execve", "execveat", "socket", "socketpair", "io_uring_setup", "ptrace", "process_vm_writev", "bpf", "userfaultfd",
}

func enter(writable []string) (c Confinement) {
	var lacking []string
	if err := restrictFiles(writable); err != nil {
		lacking = append(lacking, "Landlock: "+err.Error())
	} else if version, err := ll.LandlockGetABIVersion(); err != nil || version < 1 {
		lacking = append(lacking, "this kernel has no Landlock")
	} else {
		c.Landlock = version
	}
	if err := filterCalls(); err != nil {
		lacking = append(lacking, "seccomp: "+err.Error())
	} else {
		c.Seccomp = true
	}
	c.Lacking = strings.Join(lacking, "; ")
	return c
}

func restrictFiles(writable []string) error {
	config := landlock.Config{HandledAccessFS: execute | writeDir | special, HandledAccessNet: network}.BestEffort()
	dirs := []string{os.TempDir(), "/dev"}
	if cache, err := os.UserCacheDir(); err == nil {
		dirs = append(dirs, cache)
	}
	var rules []landlock.Rule
	for _, path := range append(dirs, writable...) {
		// A link, such as /dev/stdout, is followed when it is opened, and then it is what it leads to that counts.
		resolved, err := filepath.EvalSymlinks(path)
		if err != nil {
			continue // there is nothing to write, or a pipe, which Landlock leaves alone
		}
		info, err := os.Stat(resolved)
		if err != nil {
			continue
		}
		rights := writeFile
		if info.IsDir() {
			rights = writeDir
		}
		rules = append(rules, landlock.PathAccess(rights, resolved).IgnoreIfMissing())
	}
	if err := config.RestrictPaths(rules...); err != nil {
		return err
	}
	return config.RestrictNet()
}

func filterCalls() error {
	if !seccomp.Supported() {
		return fmt.Errorf("this kernel has none")
	}
	// no_new_privs is set for one thread, from which the filter is then given to all.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return seccomp.LoadFilter(seccomp.Filter{
		NoNewPrivs: true,
		Flag:       seccomp.FilterFlagTSync,
		Policy: seccomp.Policy{
			DefaultAction: seccomp.ActionAllow,
			Syscalls:      []seccomp.SyscallGroup{{Names: refused, Action: seccomp.ActionErrno}},
		},
	})
}

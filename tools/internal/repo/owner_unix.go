//go:build unix

package repo

import (
	"os"
	"syscall"
)

// ownedLike reports whether a file belongs to root, to who runs kgate, or to the owner of a directory.
func ownedLike(file, dir string) bool {
	own, ok := owner(file)
	beside, known := owner(dir)
	return ok && (own == 0 || int(own) == os.Geteuid() || known && own == beside)
}

func owner(file string) (uint32, bool) {
	info, err := os.Lstat(file)
	if err != nil {
		return 0, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return stat.Uid, true
}

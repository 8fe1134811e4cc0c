package manifest

import (
	"fmt"
	"io"
	"io/fs"
)

// MaxTextSize is the most that a text of a person may have that is no manifest: kgate.yaml, a Rego file. The longest rule
// of kgate has a hundredth of it.
const MaxTextSize = 1 << 20

// ReadFile reads a file that a stranger may have written. What it is and how long is asked before it is opened: a pipe
// would keep the reader waiting, a device has no end. shown is the name that a *SyntaxError gives the file; any other
// error is that of the file system.
func ReadFile(root fs.FS, name, shown string, limit int64) ([]byte, error) {
	info, err := fs.Stat(root, name)
	if err != nil {
		return nil, err
	}
	if err := readable(info, shown, limit); err != nil {
		return nil, err
	}
	file, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // nothing was written
	// A file may have grown since, and those of /proc say that they are empty.
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = tooLarge(shown, int64(len(data)), limit)
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

// readable refuses what is no file, and one that is too large.
func readable(info fs.FileInfo, shown string, limit int64) error {
	switch {
	case info.IsDir():
		return &SyntaxError{Position{File: shown}, "this is a directory; a file belongs here"}
	case !info.Mode().IsRegular():
		return &SyntaxError{Position{File: shown}, "this is not a regular file: kgate opens no pipe, socket or device"}
	case info.Size() > limit:
		return tooLarge(shown, info.Size(), limit)
	}
	return nil
}

func tooLarge(shown string, size, limit int64) error {
	unit, name := int64(1<<20), "MB"
	if limit < unit {
		unit, name = 1<<10, "kB"
	}
	return &SyntaxError{Position{File: shown}, fmt.Sprintf("the file has %d %s; the limit is %d %[2]s: split it", (size+unit-1)/unit, name, limit/unit)}
}

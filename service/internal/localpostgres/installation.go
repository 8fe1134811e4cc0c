package localpostgres

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// Installation is the programs of a PostgreSQL server, and who they run as.
type Installation struct {
	bin      string
	account  *account
	unpacked string // a folder that Close deletes, "" where the machine's own programs are used
}

// places is where programs are looked for.
type places struct {
	chosen     string // the folder of initdb and postgres that the caller wants, and no other
	path       string // like the variable PATH
	debian     string // pattern of initdb in Debian's layout, which keeps it off PATH
	repository string // the Maven repository that the programs are fetched from
	cache      string // the folder that keeps what was fetched
}

// repository has PostgreSQL built for the systems that embedded-postgres knows, from
// https://github.com/zonkyio/embedded-postgres-binaries.
const repository = "https://repo1.maven.org/maven2"

// fetched is the oldest major version that the service is run on.
const fetched = embeddedpostgres.V16

// Variable names the folder of initdb and postgres to use in place of those that the machine has: so the tests run on another version.
const Variable = "LOCALPOSTGRES_BIN"

// Find returns the installation in the folder that Variable names, or else the machine's own: the one on PATH, else the newest in /usr/lib/postgresql. Without one,
// it fetches a build from Maven Central, which is kept in the user's cache folder. Close it.
func Find() (*Installation, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		// A process without a home: what it fetches, it fetches again next time.
		cache = os.TempDir()
	}
	return find(places{
		chosen: os.Getenv(Variable),
		path:   os.Getenv("PATH"), debian: "/usr/lib/postgresql/*/bin/initdb",
		repository: repository, cache: filepath.Join(cache, "embedded-postgres"),
	})
}

func find(p places) (*Installation, error) {
	who, err := unprivileged()
	if err != nil {
		return nil, err
	}
	if p.chosen != "" {
		bin, err := filepath.Abs(p.chosen)
		if err == nil && !(executable(filepath.Join(bin, "initdb")) && executable(filepath.Join(bin, "postgres"))) {
			err = errors.New("initdb and postgres are not both there")
		}
		if err != nil {
			return nil, fmt.Errorf("%s=%s: %w", Variable, p.chosen, err)
		}
		return &Installation{bin: bin, account: who}, nil
	}
	if bin := p.local(); bin != "" {
		return &Installation{bin: bin, account: who}, nil
	}
	i, err := p.fetch(who)
	if err != nil {
		return nil, fmt.Errorf("no PostgreSQL: initdb and postgres are neither on PATH nor in Debian's place (apt-get install postgresql), and %s gave none: %w", p.repository, err)
	}
	return i, nil
}

// Close deletes what was unpacked for this installation, if anything was. Its servers must have been stopped.
func (i *Installation) Close() error {
	if i.unpacked == "" {
		return nil
	}
	return os.RemoveAll(i.unpacked)
}

// local returns the folder of initdb and postgres, "" if there is none.
func (p places) local() string {
	for _, dir := range filepath.SplitList(p.path) {
		// A symbolic link leads to the rest of the installation.
		if real, err := filepath.EvalSymlinks(filepath.Join(dir, "initdb")); err == nil && executable(real) &&
			executable(filepath.Join(filepath.Dir(real), "postgres")) {
			return filepath.Dir(real)
		}
	}
	found, err := filepath.Glob(p.debian)
	if err != nil || len(found) == 0 {
		return ""
	}
	major := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return major(a) - major(b) })
	return filepath.Dir(newest)
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

// fetch has embedded-postgres fetch and unpack the programs, and nothing else: it starts servers as the present user,
// which PostgreSQL refuses for root, and cannot kill one as a crash does. The archive is kept; it is unpacked for each
// process anew, because the account of the server may not look into the home of root.
func (p places) fetch(who *account) (*Installation, error) {
	dir, err := os.MkdirTemp("", "localpostgres")
	if err != nil {
		return nil, err
	}
	i := &Installation{bin: filepath.Join(dir, "postgres", "bin"), account: who, unpacked: dir}
	err = i.unpack(p)
	if err == nil {
		err = os.Chmod(dir, 0o755) // for the account of the server
	}
	if err != nil {
		return nil, errors.Join(err, i.Close())
	}
	return i, nil
}

func (i *Installation) unpack(p places) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	// Its own server is not wanted, but there is no other way to the programs. As root it does not start, and that is
	// as good: what it says matters only where the programs are missing.
	library := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(fetched).BinaryRepositoryURL(strings.TrimSuffix(p.repository, "/")).CachePath(p.cache).
		BinariesPath(filepath.Dir(i.bin)).RuntimePath(filepath.Join(i.unpacked, "runtime")).
		Port(uint32(port)).Logger(io.Discard))
	started := library.Start()
	if started == nil {
		if err := library.Stop(); err != nil {
			return err
		}
	}
	for _, program := range []string{"initdb", "postgres"} {
		if executable(filepath.Join(i.bin, program)) {
			continue
		}
		if started == nil {
			started = errors.New("its archive lacks " + program)
		}
		return started
	}
	return nil
}

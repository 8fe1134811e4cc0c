package fetch

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	k8syaml "sigs.k8s.io/yaml"
)

// login is what `helm repo add` has noted of a repository of charts.
type login struct {
	URL        string `json:"url"`
	Username   string `json:"username"`
	Password   string `json:"password"`
	Everywhere bool   `json:"pass_credentials_all"` // also for archives that another server has
}

// loginOf finds the credentials of a repository among those that helm keeps; nil without any.
func loginOf(repository *url.URL) (*login, error) {
	file := helmFile("HELM_REPOSITORY_CONFIG", "repositories.yaml")
	text, err := os.ReadFile(file) //nolint:gosec // the user's own, where helm has it
	if absent(err) {
		return nil, nil
	}
	var all struct {
		Repositories []login `json:"repositories"`
	}
	if err == nil {
		err = k8syaml.Unmarshal(text, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("the credentials for repositories of charts in %s cannot be read: mend the file or move it away: %w", file, err)
	}
	for _, l := range all.Repositories {
		// Helm sends no part of a pair alone.
		if strings.TrimSuffix(l.URL, "/") == strings.TrimSuffix(repository.String(), "/") && l.Username != "" && l.Password != "" {
			return &l, nil
		}
	}
	return nil, nil
}

// elsewhere is what of the login a URL gets that the repository names. Another server is not to have it.
func (l *login) elsewhere(repository, named *url.URL) *login {
	if l == nil || l.Everywhere || named.Scheme == repository.Scheme && named.Host == repository.Host {
		return l
	}
	return nil
}

// absent reports an error of a file that is not there. A home of /dev/null has no files either.
func absent(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) }

// helmFile is a file of helm's configuration: the one that a variable names, or a path in helm's directory; "" where the user
// has no directory for it.
func helmFile(variable string, path ...string) string {
	if file := os.Getenv(variable); file != "" {
		return file
	}
	dir := os.Getenv("HELM_CONFIG_HOME")
	if dir == "" {
		home := os.Getenv("XDG_CONFIG_HOME")
		switch {
		case home != "":
		case runtime.GOOS == "darwin": // not where Go has the configuration
			if user, err := os.UserHomeDir(); err == nil {
				home = filepath.Join(user, "Library", "Preferences")
			}
		default:
			home, _ = os.UserConfigDir() // "" with an error
		}
		if home == "" {
			return ""
		}
		dir = filepath.Join(home, "helm")
	}
	return filepath.Join(dir, filepath.Join(path...))
}

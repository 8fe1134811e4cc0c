package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/service/internal/access"
)

// makeToken makes a token, and the entry by which the access file knows it. The token goes to stdout, which can be a file or
// another program; the entry is for people to see and to keep, on stderr, as age-keygen shows the half that is no secret.
func makeToken(args []string, now time.Time, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("app token", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		_, _ = fmt.Fprint(stderr, "usage: app token -name NAME -allow read,ingest,write [-environments GLOBS] [-services GLOBS] [-days DAYS] [-file FILE]\n\n"+
			"Prints a new token on standard output, and its entry in the access file on standard error. It needs no configuration.\n\n")
		flags.PrintDefaults()
	}
	name := flags.String("name", "", "what the ledger calls whoever has it, such as argocd")
	allow := flags.String("allow", "", "what it may do, with commas between: read, ingest (events of Argo CD, Flux, GitHub, CDEvents), write (releases by the API)")
	environments := flags.String("environments", "", "the environments that it writes to, with commas between: names and globs, * for all")
	services := flags.String("services", "", "the services, in the same way")
	file := flags.String("file", "", "write the entry into this new access file instead; one that exists is left as it is")
	days := flags.Int("days", 365, "how long it is accepted; 0 for ever")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if flags.NArg() > 0 || *days < 0 {
		_, _ = fmt.Fprintln(stderr, "token: takes flags alone, and days from 0 on")
		return 2
	}
	var expires time.Time
	if *days > 0 {
		expires = now.AddDate(0, 0, *days).Truncate(time.Second)
	}
	token := access.NewToken()
	entry, err := access.Entry(*name, token, access.Grant{
		Allow: words[access.Permission](*allow), Environments: words[access.Glob](*environments), Services: words[access.Glob](*services),
	}, expires)
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "%v\n", err)
		return 2
	}
	if *file == "" {
		_, _ = fmt.Fprintln(stdout, token)
		_, _ = fmt.Fprintln(stderr, entry)
		return 0
	}
	if err := create(*file, "tokens:\n"+entry+"\n"); errors.Is(err, fs.ErrExist) {
		_, _ = fmt.Fprintf(stderr, "token: %s exists: leave out -file, and add the entry that is printed to its tokens\n", *file)
		return 1
	} else if err != nil {
		_, _ = fmt.Fprintf(stderr, "token: write the access file: %v\n", err)
		return 1
	}
	_, _ = fmt.Fprintln(stdout, token)
	return 0
}

// create writes a file that does not exist, whole or not at all.
func create(name, content string) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(content)
	if err = errors.Join(err, file.Close()); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}

func words[T ~string](s string) (all []T) {
	for word := range strings.SplitSeq(s, ",") {
		if word = strings.TrimSpace(word); word != "" {
			all = append(all, T(word))
		}
	}
	return all
}

package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// maxArchive is the most bytes of an answer: of a file, an index or an archive.
const maxArchive = 64 << 20

// maxRedirects is how often a server may lead elsewhere, as for Go's own client.
const maxRedirects = 10

// newClient makes requests as Kustomize does: with the proxy of the environment, and no credentials of its own. Unlike Kustomize it does
// not follow a server from https to where anybody on the way can change what is given.
func newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 30 * time.Second, ResponseHeaderTimeout: time.Minute,
		MaxIdleConns: 10, IdleConnTimeout: 30 * time.Second,
	}, CheckRedirect: func(to *http.Request, via []*http.Request) error {
		if from := via[len(via)-1].URL; from.Scheme == "https" && to.URL.Scheme != "https" {
			return fmt.Errorf("%s leads from https to %s: name a URL that stays on https", from.Host, to.URL.Scheme)
		}
		if len(via) >= maxRedirects {
			return fmt.Errorf("it leads elsewhere more than %d times", maxRedirects)
		}
		if to.URL.Host != via[0].URL.Host {
			to.Header.Del("Authorization") // Go lets other ports and the hosts below have it
		}
		return nil
	}}
}

var errSecret = errors.New("the URL holds a password: take it out")

// secret reports a URL with a password, which would stand in the lock file.
func secret(reference string) bool {
	u, err := url.Parse(reference)
	if err != nil {
		return false
	}
	_, is := u.User.Password()
	return is
}

var errUnauthorized = errors.New("the server answers 401 Unauthorized")

// get is the content at a URL, asked for with credentials where there are some.
func (r *run) get(ctx context.Context, reference string, most int64, as *login) ([]byte, error) {
	u, err := url.Parse(reference)
	if err != nil {
		return nil, errors.New("it is no URL") // the error would show what may be a password
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%s:// is fetched by nobody: it is http, https or oci", u.Scheme)
	}
	if secret(reference) {
		return nil, errSecret
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	if as != nil {
		request.SetBasicAuth(as.Username, as.Password)
	}
	response, err := r.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // it was read
	if response.StatusCode == http.StatusUnauthorized {
		return nil, errUnauthorized
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return nil, fmt.Errorf("the server answers %s", response.Status)
	}
	content, err := io.ReadAll(io.LimitReader(response.Body, most+1))
	if err == nil && int64(len(content)) > most {
		err = fmt.Errorf("it has more than %d MB", most>>20)
	}
	return content, err
}

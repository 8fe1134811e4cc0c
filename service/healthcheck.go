package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/kgate-dev/gitops/service/internal/config"
)

// healthcheck is what Docker runs: the image has no shell and no curl.
func healthcheck(ctx context.Context, c *config.Config, _ io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	url := fmt.Sprintf("http://127.0.0.1:%d/healthz", c.Server.Port)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, response.Status)
	}
	return nil
}

package catalog

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

// Version is that of the JSON catalogue. Fields are added to a version, never changed or removed.
const Version = "v1"

type entry struct {
	Name        string         `json:"name"`
	Title       string         `json:"title"`
	Description string         `json:"description"`
	Fix         string         `json:"fix"`
	Severity    check.Severity `json:"severity"`
	Scope       check.Scope    `json:"scope"`
	Origin      string         `json:"origin"`
	Locked      bool           `json:"locked"`
	Exempt      string         `json:"exempt"` // anywhere, kgate.yaml or never
	Was         string         `json:"was,omitempty"`
	Bad         string         `json:"bad,omitempty"`
	Good        string         `json:"good,omitempty"`
	References  []string       `json:"references,omitempty"`
	States      string         `json:"states"` // fact or convention
}

// JSON writes the checks for programs.
func JSON(w io.Writer, checks []*check.Check) error {
	out := struct {
		Version string  `json:"version"`
		Checks  []entry `json:"checks"`
	}{Version, []entry{}}
	for _, c := range checks {
		out.Checks = append(out.Checks, entry{
			c.Name, c.Title, c.Doc, c.Fix, c.Severity, c.Scope, c.Origin, c.Locked, exemptible(c), c.Was, c.Bad, c.Good, c.References, states(c),
		})
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(out); err != nil {
		return err
	}
	_, err := w.Write(terminal.JSON(text.Bytes()))
	return err
}

// exemptible says where there may be an exemption from a check.
func exemptible(c *check.Check) string {
	switch {
	case c.Locked:
		return "never"
	case c.Central:
		return "kgate.yaml"
	}
	return "anywhere"
}

package twin

import (
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/renaming"
)

// Of two dashboards with one uid Grafana keeps one.
func TestDashboardOfItsOwn(t *testing.T) {
	like := renaming.Name{Kind: renaming.Service, Old: "shop", New: "till"}
	for name, test := range map[string][2]string{
		"a uid of what it shows":      {`{"uid": "releases", "title": "Relea\"ses", "panels": [{"uid": "a", "title": "b"}]}`, `{"uid": "releases-till", "title": "Relea\"ses, till", "panels": [{"uid": "a", "title": "b"}]}`},
		"behind its panels":           {"{\"panels\": [],\n \"title\": \"Shop\",\n \"uid\": \"r\"\n}\n", "{\"panels\": [],\n \"title\": \"Shop, till\",\n \"uid\": \"r-till\"\n}\n"},
		"one that is called after it": {`{"uid": "shop", "title": "All", "panels": []}`, `{"uid": "shop", "title": "All", "panels": []}`},
		"a title that is":             {`{"uid": "r", "title": "of shop", "panels": []}`, `{"uid": "r-till", "title": "of shop", "panels": []}`},
		"a long one":                  {`{"uid": "3f2504e0-4f89-11d3-9a0c-0305e82c3301-abc", "panels": []}`, `{"uid": "3f2504e0-4f89-11d3-9a0c-0305e82c330-till", "panels": []}`},
		"no uid":                      {`{"title": "All", "panels": []}`, `{"title": "All", "panels": []}`},
		"no dashboard":                {`{"uid": "r"}`, `{"uid": "r"}`},
		"a list":                      {`["uid", "panels"]`, `["uid", "panels"]`},
		"broken":                      {`{"uid": "r", "panels": [}`, `{"uid": "r", "panels": [}`},
		"none":                        {``, ``},
	} {
		t.Run(name, func(t *testing.T) {
			// As it is called with: what names the other one is renamed already.
			if got := string(dashboard([]byte(test[0]), []byte(renaming.Replace(test[0], like)), like)); got != renaming.Replace(test[1], like) {
				t.Errorf("got %s, want %s", got, test[1])
			}
		})
	}
}

package manifest

import (
	"strings"
	"testing"
)

func TestParseQuantity(t *testing.T) {
	for text, want := range map[string]string{
		"500m": "500m", "1Gi": "1Gi", "1e3": "1e3", "12E": "12E", "1e0000000003": "1e0000000003", "-1e-3": "-1e-3", "0.5": "500m",
	} {
		if q, err := ParseQuantity(text); err != nil || q.String() != want {
			t.Errorf("%s: got %s, %v; want %s", text, q.String(), err, want)
		}
	}
	for _, text := range []string{"1e1000000000", "1E-1000000000", " 1.5e+99999 ", strings.Repeat("9", 65), "1e99999999999999999999", "x"} {
		if q, err := ParseQuantity(text); err == nil {
			t.Errorf("%.20s: got %s", text, q.String())
		}
	}
	for _, text := range []string{"", "12e", "1e2e3000000", "12e10000000Ki", "web:1e1000000000", strings.Repeat("text ", 50), "2 of " + strings.Repeat("text ", 50)} {
		if !Measurable(text) {
			t.Errorf("%q is not measurable", text)
		}
	}
}

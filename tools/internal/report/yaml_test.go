package report

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"sigs.k8s.io/yaml"
)

// same reports whether the YAML report says what the JSON report says.
func same(t testing.TB, r Report) {
	t.Helper()
	var fromYAML, fromJSON any
	var text, document bytes.Buffer
	if err := JSON(&text, r, Options{}); err != nil {
		t.Fatal(err)
	}
	if err := YAML(&document, r, Options{}); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text.Bytes(), &fromJSON); err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(document.Bytes(), &fromYAML); err != nil {
		t.Fatalf("%v\n%s", err, document.Bytes())
	}
	if !reflect.DeepEqual(fromYAML, fromJSON) {
		t.Errorf("not the same:\n%s\n%s", document.Bytes(), text.Bytes())
	}
}

func TestYAMLIsTheJSONReport(t *testing.T) {
	same(t, busy())
	same(t, Report{})
	same(t, changed(t))
	odd := busy()
	odd.Findings[0].Message = "\x00\x1b\x7f\u0085\u009f\u2028\ufdd0\ufeff\ufffe\uffff\U0001f600\xff: - # 'é\""
	odd.Findings[1].Message = "on"
	odd.Findings[2].Message = "1e3"
	same(t, odd)
}

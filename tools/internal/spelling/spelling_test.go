package spelling

import "testing"

func TestClosest(t *testing.T) {
	known := []string{"validate", "version", "render", "min", "targets", "pod/no-host-path", "pod/no-host-port", "overlays/prod"}
	for word, want := range map[string]string{
		"valdate": "validate", "Validate": "validate", "vresion": "version", "tragets": "targets", "target": "targets",
		"pod/no-hostpath": "pod/no-host-path", "pod/no-host-pat": "pod/no-host-path", "overlay/prod": "overlays/prod",
		"max": "", "": "", "x": "", "deploy": "", "ren": "", "overlays/production-of-another-kind": "",
	} {
		if got := Closest(word, known); got != want {
			t.Errorf("Closest(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestMeant(t *testing.T) {
	if got := Meant("tragets", []string{"targets"}); got != "; did you mean `targets`?" {
		t.Errorf("a word that is close: %q", got)
	}
	if got := Meant("zzz", []string{"targets"}); got != "" {
		t.Errorf("a word that is not: %q", got)
	}
	if got := Meant("warn", []string{"error", "warning", "ignore"}); got != "; did you mean `warning`?" {
		t.Errorf("a word that is most of one: %q", got)
	}
	if got := Meant("pod", []string{"pods/of-another-kind"}); got != "" {
		t.Errorf("a word that is the least of one: %q", got)
	}
}

func TestSlip(t *testing.T) {
	known := []string{"attributes", "IsInt", "IsMatch", "mem_buf_limit", "tag", "grpc"}
	for word, want := range map[string]string{
		"attribute": "attributes", "attributse": "attributes", "isMatch": "IsMatch", "mem_buf_limt": "mem_buf_limit",
		"IsSpan": "", "IsIn": "IsInt", "Isnt": "IsInt", "tap": "", "buf_limit": "", "": "", "grcp": "grpc", "rgcp": "",
	} {
		if got := Slip(word, known); got != want {
			t.Errorf("Slip(%q) = %q, want %q", word, got, want)
		}
	}
}

package policy

import (
	"strings"
	"testing"
	"testing/fstest"
)

// The Rego tests hold that a rule which says what it mentions finds nothing in an input without any of the words: it is not even
// compiled there.
func TestRulesDenyWhatTheyMention(t *testing.T) {
	for mentions, fails := range map[string]int{"Secret": 0, "Pod Secret": 0, "Pod": 1} {
		rule := meta("object, mentions: "+mentions) + "package policies.pod.secret\n\n" +
			"deny contains {\"msg\": \"m\", \"path\": []} if input.kind == \"Secret\"\n"
		test := "package policies.pod.secret_test\n\nimport data.policies.pod.secret\n\n" +
			"test_secret if count(secret.deny) == 1 with input as {\"kind\": \"Secret\"}\n"
		suite, err := LoadSuite(t.Context(), Source{Name: "policies", FS: fstest.MapFS{
			"pod/secret/secret.rego":      {Data: []byte(rule)},
			"pod/secret/secret_test.rego": {Data: []byte(test)},
		}})
		if err != nil {
			t.Fatal(err)
		}
		tests, err := suite.Run(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(tests.Failed) != fails || len(tests.Passed) != 1-fails {
			t.Errorf("%s: got %+v", mentions, tests)
		}
	}
}

// A rule of one's own is always asked: what it builds on is not known to be the whole of what it looks for.
func TestOwnRulesMentionNothing(t *testing.T) {
	_, err := Load(t.Context(), Source{Name: "policies", FS: fstest.MapFS{"lib/a/a.rego": {Data: []byte("package policies.lib.a\n")}}},
		Source{Name: "own", FS: fstest.MapFS{"team/one/one.rego": {Data: []byte(meta("object, mentions: Pod") + "package policies.team.one\n\ndeny contains 1 if false\n")}}})
	if err == nil || !strings.Contains(err.Error(), `custom has no key "mentions"`) {
		t.Errorf("got %v", err)
	}
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/admission"
	"github.com/kgate-dev/gitops/tools/internal/admission/admissiontest/golden"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// policies asks a server what the ValidatingAdmissionPolicies of each fixture say of its objects, and compares that with
// what kgate says.
func (o options) policies(ctx context.Context, stdout, stderr io.Writer) (err error) {
	if o.root, err = filepath.Abs(o.root); err != nil {
		return err
	}
	dir := filepath.Join(o.root, testdata, "policies")
	fixtures, err := golden.ReadFixtures(os.DirFS(dir))
	if err != nil {
		return err
	}
	version, _, err := pinned(ctx, o.root)
	if err != nil {
		return err
	}
	server, err := launch(ctx, o.root, version, stderr)
	defer server.stop()
	if err != nil {
		return err
	}
	recorded := golden.Answers{}
	disagreements := 0
	for _, fixture := range fixtures {
		answers, err := server.fixture(ctx, fixture)
		if err != nil {
			return fmt.Errorf("%s: %w", fixture.Name, err)
		}
		recorded[fixture.Name] = answers
		kgate, err := evaluate(ctx, fixture)
		if err != nil {
			return fmt.Errorf("%s: %w", fixture.Name, err)
		}
		different := fixture.Compare(answers, kgate)
		for _, d := range different {
			fmt.Fprintf(stdout, "%s: %s\n", fixture.Name, d)
		}
		disagreements += len(different)
		fmt.Fprintf(stdout, "%s: %d objects, %d disagreements\n", fixture.Name, len(answers), len(different))
	}
	if o.record {
		text, err := json.MarshalIndent(recorded, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, golden.AnswersFile), append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	if disagreements > 0 {
		return errDisagree
	}
	return nil
}

// evaluate asks kgate what the policies of a fixture say of its objects.
func evaluate(ctx context.Context, fixture golden.Fixture) (func(*manifest.Object) (denied, warned []string), error) {
	checks, err := check.Select(admission.Checks(admission.New(definition.New())), []string{"admission/validating-policy", "admission/policy-warning"})
	if err != nil {
		return nil, err
	}
	result, failures := check.Run(ctx, check.Plan{Checks: checks, Targets: []*check.Target{{Path: fixture.Name, Objects: fixture.Objects}}})
	for _, f := range failures {
		return nil, f.Err
	}
	return func(object *manifest.Object) (denied, warned []string) {
		for _, f := range result.Findings {
			if *f.Object != object.ID || len(f.Path) > 0 { // with a path it is about the pods of a workload
				continue
			}
			if f.Severity == check.Warning {
				warned = append(warned, f.Message)
			} else {
				denied = append(denied, f.Message)
			}
		}
		return denied, warned
	}, nil
}

// sentinel is a policy that is in force when those created before it are.
const sentinel = `[
  {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "zz-sentinel"}, "spec": {
    "matchConstraints": {"resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"], "resourceNames": ["zz-sentinel"]}]},
    "validations": [{"expression": "false", "message": "the sentinel stands"}]}},
  {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "zz-sentinel"}, "spec": {
    "policyName": "zz-sentinel", "validationActions": ["Deny"]}}
]`

const guarded = `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "zz-sentinel", "namespace": "default"}}`

// fixture creates what a fixture gives and its policies, judges its objects, and removes the policies.
func (c *cluster) fixture(ctx context.Context, fixture golden.Fixture) ([]golden.Answer, error) {
	if err := c.discover(ctx); err != nil {
		return nil, err
	}
	for _, object := range fixture.Given {
		if err := c.apply(ctx, object); err != nil {
			return nil, err
		}
		if object.Kind == "CustomResourceDefinition" {
			if err := c.until(ctx, func() (bool, error) {
				var definition struct {
					Status struct {
						Conditions []struct{ Type, Status string }
					}
				}
				err := c.get(ctx, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/"+object.Name, &definition)
				return slices.Contains(definition.Status.Conditions, struct{ Type, Status string }{"Established", "True"}), err
			}); err != nil {
				return nil, err
			}
			if err := c.discover(ctx); err != nil {
				return nil, err
			}
		}
	}
	var standing []json.RawMessage
	if err := json.Unmarshal([]byte(sentinel), &standing); err != nil {
		return nil, err
	}
	policies := slices.Clone(fixture.Policies)
	for _, text := range standing {
		object, err := manifest.Decode(text)
		if err != nil {
			return nil, err
		}
		policies = append(policies, object)
	}
	for _, object := range policies {
		if err := c.apply(ctx, object); err != nil {
			return nil, err
		}
	}
	guard, err := manifest.Decode([]byte(guarded))
	if err != nil {
		return nil, err
	}
	stands := func(want bool) error {
		return c.until(ctx, func() (bool, error) {
			answer, err := c.try(ctx, guard)
			return answer.Admitted != want, err
		})
	}
	if err := stands(true); err != nil {
		return nil, err
	}
	var answers []golden.Answer
	for _, object := range fixture.Judged {
		answer, err := c.try(ctx, object)
		if err != nil {
			return nil, err
		}
		answers = append(answers, answer)
	}
	for _, object := range policies {
		path, err := c.path(base{Object: object}.kind(), "", object.Name)
		if err != nil {
			return nil, err
		}
		if code, text, err := c.do(ctx, http.MethodDelete, path, "", nil); err != nil || code != http.StatusOK {
			return nil, fmt.Errorf("delete %s: %d %.300s %w", object.ID, code, text, err)
		}
	}
	return answers, stands(false)
}

func (c *cluster) apply(ctx context.Context, object *manifest.Object) error {
	path, err := c.path(base{Object: object}.kind(), object.Namespace, object.Name)
	if err != nil {
		return err
	}
	code, text, err := c.do(ctx, http.MethodPatch, path+"?"+strictly, "application/apply-patch+yaml", object.JSON)
	if err == nil && code >= 300 {
		err = fmt.Errorf("%d %.500s", code, text)
	}
	if err != nil {
		return fmt.Errorf("apply %s: %w", object.ID, err)
	}
	return nil
}

// text of a warning: 299 - "…"
var warned = regexp.MustCompile(`^299 - (".*")$`)

// try applies an object on trial, as the user that kgate shows to policies.
func (c *cluster) try(ctx context.Context, object *manifest.Object) (golden.Answer, error) {
	path, err := c.path(base{Object: object}.kind(), object.Namespace, object.Name)
	if err != nil {
		return golden.Answer{}, err
	}
	response, text, err := c.send(ctx, http.MethodPatch, path+"?dryRun=All&"+strictly, "application/apply-patch+yaml", object.JSON,
		http.Header{"Impersonate-User": {"kgate"}, "Impersonate-Group": {"system:authenticated"}})
	if err != nil {
		return golden.Answer{}, err
	}
	answer := golden.Answer{Object: object.ID.String(), Admitted: response.StatusCode < 300}
	for _, header := range response.Header.Values("Warning") {
		quoted := warned.FindStringSubmatch(header)
		if quoted == nil {
			return golden.Answer{}, fmt.Errorf("%s: the warning %q cannot be read", object.ID, header)
		}
		warning, err := strconv.Unquote(quoted[1])
		if err != nil {
			return golden.Answer{}, fmt.Errorf("%s: the warning %q: %w", object.ID, header, err)
		}
		answer.Warnings = append(answer.Warnings, warning)
	}
	slices.Sort(answer.Warnings)
	if !answer.Admitted {
		var status struct{ Message string }
		if err := json.Unmarshal(text, &status); err != nil {
			return golden.Answer{}, fmt.Errorf("%s: %d %.300s", object.ID, response.StatusCode, text)
		}
		answer.Message = status.Message
	}
	return answer, nil
}

// until asks until it is so.
func (c *cluster) until(ctx context.Context, so func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		if yes, err := so(); yes || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the server: %w", ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

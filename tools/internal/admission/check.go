package admission

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/admission/fault"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Checks returns the checks that a Server makes. Without one they can be listed, not run.
func Checks(s *Server) []*check.Check {
	j, n, pods, changes := &judge{s}, &namespaces{s}, newLevels(s), &changes{s}
	return []*check.Check{
		{
			Name:  "admission/accepted",
			Title: "The API server accepts every object",
			Doc: "A schema says what shape an object has. The API server says more: names, labels and quantities, selectors that match " +
				"their template, ports and keys that repeat, probes with two handlers, bounds, CEL rules of custom resources. What it " +
				"refuses, no sync can apply. The object is passed through the server's own code, as a server-side apply with strict " +
				"field validation would; `kgate version` names the release. An object without a namespace is judged as in default: whoever deploys it says where it is. " +
				"A custom resource is judged by the definition that the repository has of its kind, else by kgate's catalogue, whose " +
				"release the message names; what the first takes and the second refuses is said at the definition (schema/definition-strict, " +
				"schema/definition-agrees). If your clusters run another release of an operator, name it under `releases` in kgate.yaml, or " +
				"give its definition. A hook that is skipped defines nothing. Expressions of over " +
				"8 KiB, over 32 brackets in each other or over 128 KiB in one object are refused unread, for compiling them takes too long.",
			Fix:      "The message is the API server's own: correct the field that it names.",
			Severity: check.Error,
			Central:  true,
			Scope:    check.Object,
			Origin:   "admission",
			Yields:   []string{"schema/valid", "schema/known-kind"},
			References: []string{
				"https://kubernetes.io/docs/reference/using-api/server-side-apply/",
				"https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation",
			},
			Bad:  acceptedBad,
			Good: acceptedGood,
			Run:  j.run,
		},
		{
			Name:  "admission/warning",
			Title: "The API server warns of no object",
			Doc: "The API server takes an object and tells the client what is wrong with it all the same, in a header that kubectl prints " +
				"and no sync shows: a version or a field that a later release drops or ignores already, two entries of a list of which " +
				"one hides the other, a name that makes a bad hostname, a certificate and a key that do not belong together. It is " +
				"the server's own code that warns here. What it would say of the format of fields in a CustomResourceDefinition is left out.",
			Fix:      "The message is the API server's own: correct the field that it names.",
			Severity: check.Warning,
			Central:  true,
			Scope:    check.Object,
			Origin:   "admission",
			Yields:   []string{"admission/accepted"},
			References: []string{
				"https://kubernetes.io/docs/reference/using-api/deprecation-policy/",
				"https://kubernetes.io/blog/2020/09/03/warnings/",
			},
			Bad:  warningBad,
			Good: warningGood,
			Run:  j.warn,
		},
		{
			Name:  "admission/pod-security",
			Title: "Every workload's pods meet the Pod Security level of their namespace",
			Doc: "A Namespace's label pod-security.kubernetes.io/enforce names a level of the Pod Security Standards. The API server " +
				"refuses pods below it when their controller creates them: the workload itself syncs, and no pod of it ever starts. " +
				"The namespace may be one that the target renders, or that Argo CD creates with labels (managedNamespaceMetadata). " +
				"What operators and webhooks add to a pod in the cluster is not seen here.",
			Fix:        "Correct the fields that the message names, or let another namespace, with a lower level and a reason, hold the workload.",
			Severity:   check.Error,
			Central:    true,
			Scope:      check.Overlay,
			Origin:     "admission",
			References: []string{"https://kubernetes.io/docs/concepts/security/pod-security-admission/", "https://kubernetes.io/docs/concepts/security/pod-security-standards/"},
			Bad:        podSecurityBad,
			Good:       podSecurityGood,
			Run:        pods.enforced,
		},
		{
			Name:  "admission/pod-security-warning",
			Title: "Every workload's pods meet the Pod Security level that their namespace warns of",
			Doc: "The labels pod-security.kubernetes.io/warn and /audit name levels that refuse nothing: the API server tells the client, " +
				"or its audit log, which workloads are below. Nobody reads that in a sync. Most often such a level will be enforced one " +
				"day. Where a namespace says of what to warn, the level of its audit is a record and no more. What is below the enforced " +
				"level already is for admission/pod-security.",
			Fix:        "Correct the fields that the message names, or take the label away where nobody means to reach its level.",
			Severity:   check.Warning,
			Central:    true,
			Scope:      check.Overlay,
			Origin:     "admission",
			References: []string{"https://kubernetes.io/docs/concepts/security/pod-security-admission/#pod-security-admission-labels-for-namespaces"},
			Bad:        podSecurityWarningBad,
			Good:       podSecurityGood,
			Run:        pods.warned,
		},
		{
			Name:  "admission/limit-range",
			Title: "Every pod and claim keeps to the LimitRanges of its namespace",
			Doc: "The API server gives containers the defaults of a LimitRange and then refuses what is below its minimum, above its " +
				"maximum or of another ratio. A workload whose pods are refused syncs, and nothing of it runs.",
			Fix:        "Set requests and limits within the LimitRange, or correct the LimitRange.",
			Severity:   check.Error,
			Central:    true,
			Scope:      check.Overlay,
			Origin:     "admission",
			References: []string{"https://kubernetes.io/docs/concepts/policy/limit-range/"},
			Bad:        limitRangeBad,
			Good:       limitRangeGood,
			Run:        n.limitRanges,
		},
		{
			Name:  "admission/resource-quota",
			Title: "What a namespace holds fits its ResourceQuota together",
			Doc: "A pod that does not say what the quota counts is refused, and so is one that would exceed it. Every workload counts with " +
				"as many pods as it runs at most: its replicas, or what its autoscaler allows; a StatefulSet with as many claims of each " +
				"template. Services, claims, ConfigMaps and all other objects that are rendered count as the server counts them, with " +
				"the ConfigMap kube-root-ca.crt and the ServiceAccount default, which every namespace has. What controllers make " +
				"besides is not seen; pods that a rollout adds for a moment and sidecars that are injected are held to the quota by " +
				"capacity/quota-holds. Where a change is judged, what is there comes first: the finding is at what the change adds or makes larger.",
			Fix:        "Set the requests and limits that the quota counts, ask for less, or raise the quota.",
			Severity:   check.Error,
			Central:    true,
			Scope:      check.Overlay,
			Origin:     "admission",
			References: []string{"https://kubernetes.io/docs/concepts/policy/resource-quotas/"},
			Bad:        resourceQuotaBad,
			Good:       resourceQuotaGood,
			Run:        n.quotas,
		},
		{
			Name:  "admission/validating-policy",
			Title: "No ValidatingAdmissionPolicy of the target denies an object of it",
			Doc: "ValidatingAdmissionPolicies that are rendered and bound are evaluated by the server's own code on every object that is " +
				"rendered beside them, and on the pods that the controllers of its workloads would create. What one denies, no sync " +
				"can apply. An object is seen as it is created: with defaults, in the version that the rule asks for, oldObject null. " +
				"request.userInfo is a user kgate in the group system:authenticated, for who syncs is not known, and authorizer allows " +
				"him nothing; pods come from the account of their controller. A namespace that is not rendered has no label but " +
				"kubernetes.io/metadata.name. Where a parameter is not rendered, parameterNotFoundAction decides, " +
				"unless another target of the same cluster renders it or kgate.yaml declares it (`external`): then nothing is said for want of it. What MutatingAdmissionPolicies of the target make of an object is what is judged (admission/mutating-policy). " +
				"What cannot be evaluated is denied unless the failurePolicy is Ignore. A binding that warns only is for " +
				"admission/policy-warning; one that audits only refuses nothing. What webhooks and most admission " +
				"plugins change is not seen, nor are the labels that controllers add to their pods.",
			Fix:      "Change the object to what the policy asks for, or correct the policy or its binding.",
			Severity: check.Error,
			Central:  true,
			Scope:    check.Overlay,
			Origin:   "admission",
			Yields:   []string{"admission/accepted"}, // what is invalid, the server shows to no policy
			References: []string{
				"https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/",
				"https://kubernetes.io/docs/reference/using-api/cel/",
			},
			Bad:  validatingPolicyBad,
			Good: validatingPolicyGood,
			Run:  (&policies{server: s, of: func(v policyVerdict) []string { return v.Denied }, denies: true}).run,
		},
		{
			Name:  "admission/policy-warning",
			Title: "No ValidatingAdmissionPolicy of the target warns of an object of it",
			Doc: "A binding whose validationActions hold Warn lets the object pass and tells the client what is wrong with it: nobody reads " +
				"that in a sync. Most often such a policy will deny one day. It is evaluated as admission/validating-policy does.",
			Fix:        "Change the object to what the policy asks for.",
			Severity:   check.Warning,
			Central:    true,
			Scope:      check.Overlay,
			Origin:     "admission",
			Yields:     []string{"admission/accepted"},
			References: []string{"https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#validation-actions"},
			Bad:        policyWarningBad,
			Good:       policyWarningGood,
			Run:        (&policies{server: s, of: func(v policyVerdict) []string { return v.Warned }}).run,
		},
		{
			Name:  "admission/mutating-policy",
			Title: "The API server takes what MutatingAdmissionPolicies of the target make of its objects",
			Doc: "MutatingAdmissionPolicies that are rendered and bound change the objects that are rendered beside them, and the pods that " +
				"the controllers of its workloads create, by the server's own code: apply configurations and JSON patches, again where " +
				"reinvocationPolicy says so, after the defaults of LimitRanges. All other checks of this group judge the object that comes of it, so that what a policy " +
				"mends is no fault of its author. What a policy cannot be evaluated on is refused, unless its failurePolicy is Ignore; and what is " +
				"wrong in a field that a policy sets is said here, at its expression, of the pods of a workload too, which the server takes without them. A server promises no order of policies: here it is that " +
				"of their names. User, authorizer, namespaces and parameters are as in admission/validating-policy. CustomResourceDefinitions " +
				"and the claims that a StatefulSet makes are left as they are, and so is what webhooks change.",
			Fix:      "Correct the expression, let the policy match less, or change the object to what it expects.",
			Severity: check.Error,
			Central:  true,
			Scope:    check.Overlay,
			Origin:   "admission",
			Yields:   []string{"admission/accepted"},
			References: []string{
				"https://kubernetes.io/docs/reference/access-authn-authz/mutating-admission-policy/",
				"https://kubernetes.io/docs/reference/using-api/cel/",
			},
			Bad:  mutatingPolicyBad,
			Good: mutatingPolicyGood,
			Run:  (&mutations{s}).run,
		},
		{
			Name:  "admission/update",
			Title: "The API server lets every object that a change edits become what it says",
			Doc: "Some fields are set once: the selector of a Deployment, the claim templates of a StatefulSet, the roleRef of a binding, the " +
				"template of a Job. The new object is valid, a cluster that has the old one refuses it all the same, and every sync from " +
				"then on fails. Both objects of each pair are passed through the server's own code: the old one is created, the new one " +
				"applied by the manager that applied the old one, so that fields that it leaves out are taken away, defaults come back, and " +
				"addresses and ports that the cluster gave stay. Custom resources are held to their definition as the server does on an " +
				"update: what was so before is forgiven, and rules see oldSelf; a definition may not take away the version that objects " +
				"are stored in. A claim is taken to be bound, to a volume of the size that it asks for. What MutatingAdmissionPolicies of the target change is changed in " +
				"both; of a custom resource that one changes nothing is said. Nothing is said of an object that " +
				"is deleted and made anew (Force=true, a hook, Flux's force), nor of what another manager has changed in the cluster. Quotas " +
				"and Pod Security are asked of the new state as a whole by the checks of their names.",
			Fix:        "Leave the field as it was, or take the way out that the message names.",
			Severity:   check.Error,
			Central:    true,
			Scope:      check.Update,
			Origin:     "admission",
			References: []string{"https://kubernetes.io/docs/reference/using-api/server-side-apply/", "https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/#force-sync"},
			Was:        updateWas,
			Bad:        updateBad,
			Good:       updateGood,
			Run:        changes.run,
		},
		{
			Name:  "admission/update-policy",
			Title: "No ValidatingAdmissionPolicy of the target denies a change of an object of it",
			Doc: "A policy can hold an object to what it was: with oldObject, or for the operation UPDATE alone. What is denied so, no sync can " +
				"apply, and nothing of it shows in the new object. Policies that are rendered and bound after the change are evaluated " +
				"as in admission/validating-policy, with both objects as the server has them. A binding that warns only is a warning. What a " +
				"policy says of the new object alone is left to that check.",
			Fix:        "Leave what the policy protects as it was, or correct the policy or its binding.",
			Severity:   check.Error,
			Central:    true,
			Scope:      check.Update,
			Origin:     "admission",
			References: []string{"https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/"},
			Was:        updatePolicyWas,
			Bad:        updatePolicyBad,
			Good:       updatePolicyGood,
			Run:        changes.policies,
		},
		{
			Name:  "admission/update-operator",
			Title: "No operator's webhook refuses a change",
			Doc: "Operators bring webhooks that compare an object with what it was, of which no schema knows. Of CloudNativePG's Cluster: " +
				"storage, walStorage and tablespaces that shrink or go, an older major version of PostgreSQL or a newer one below 16, another " +
				"user of its files, another prefix of replication slots, wal_level minimal, an image and parameters at once. Of the " +
				"OpenTelemetry Operator's Collector: another mode. It is what the webhooks' sources say in v1.27.0 and v0.140.0, without what " +
				"they read from the status of an object.",
			Fix:      "Leave the field as it was, or take the way out that the message names.",
			Severity: check.Error,
			Central:  true,
			Scope:    check.Update,
			Origin:   "kgate",
			Yields:   []string{"admission/update"},
			References: []string{
				"https://github.com/cloudnative-pg/cloudnative-pg/blob/v1.27.0/internal/webhook/v1/cluster_webhook.go",
				"https://github.com/open-telemetry/opentelemetry-operator/blob/v0.140.0/apis/v1beta1/collector_webhook.go",
			},
			Was:  updateOperatorWas,
			Bad:  updateOperatorBad,
			Good: updateOperatorGood,
			Run:  operatorChanges,
		},
	}
}

type judge struct{ server *Server }

func (j *judge) run(ctx context.Context, pass *check.Pass) error {
	var failed []error // what cannot be judged does not keep the others from it
	for _, target := range pass.Targets {
		for _, object := range target.Objects {
			if err := ctx.Err(); err != nil {
				return err
			}
			violations, _, err := j.server.remade(ctx, target, object)
			if err != nil {
				failed = append(failed, fmt.Errorf("%s: %w", object.ID, err))
			}
			for _, v := range violations.faults {
				path := pinpoint(object.Value, v)
				if m := mismatchOf(object.Value, path); m != nil {
					pass.ReportMisspelt(check.Error, target, object, m.path, m.message+v.Note, m.mend, check.Field{Target: target, Object: object, Path: m.with})
					continue
				}
				report := func(message string) {
					pass.Report(target, object, path, message, limitOf(target, object, path, v.Message)...)
				}
				if v.Whole {
					report = func(message string) { pass.ReportWhole(target, object, path, message) }
				}
				report(worded(object, path, v) + v.Note)
			}
		}
	}
	return errors.Join(failed...)
}

// limitOf is the limit that a request is above, where that is what the server says.
func limitOf(target *check.Target, object *manifest.Object, path manifest.Path, message string) []check.Field {
	n := len(path)
	if n < 2 || path[n-2] != "requests" || !strings.Contains(message, "must be less than or equal to ") {
		return nil
	}
	return []check.Field{{Target: target, Object: object, Path: append(slices.Clone(path[:n-2]), "limits", path[n-1])}}
}

// warn reports what the server says of objects that it takes.
func (j *judge) warn(ctx context.Context, pass *check.Pass) error {
	for _, target := range pass.Targets {
		for _, object := range target.Objects {
			if err := ctx.Err(); err != nil {
				return err
			}
			v, _, err := j.server.remade(ctx, target, object)
			if err != nil {
				continue // admission/accepted says that it cannot be judged
			}
			for _, w := range v.warnings {
				message, with := "the API server warns: "+w.Message, []check.Field(nil)
				if len(w.With) > 0 {
					with = []check.Field{{Target: target, Object: object, Path: w.With}}
				}
				pass.Report(target, object, w.Path, message, with...)
			}
		}
	}
	return nil
}

var (
	badValue    = regexp.MustCompile(`^[A-Z][a-z]+ value: ("(?:[^"\\]|\\.)*")`)
	unsupported = regexp.MustCompile(`^Unsupported value: \{.*\}: supported values: (".*")$`)
)

// pinpoint is the path of the field that a violation is about. The server names labels, annotations, selectors and some
// other mappings as a whole, with the key or the value that it does not take, and leaves out the metadata of templates.
func pinpoint(object map[string]any, v fault.Fault) manifest.Path {
	path := v.Path
	at, ok := path.Lookup(object)
	if !ok && len(path) > 0 {
		last := len(path) - 1
		within := append(slices.Clone(path[:last]), "metadata", path[last])
		if at, ok = within.Lookup(object); ok {
			path = within
		}
	}
	entries, ok := at.(map[string]any)
	if !ok {
		return path
	}
	meant := func(string, any) bool { return false }
	if match := badValue.FindStringSubmatch(v.Message); match != nil {
		if bad, err := strconv.Unquote(match[1]); err == nil {
			meant = func(key string, value any) bool { return key == bad || value == bad }
		}
	} else if match := unsupported.FindStringSubmatch(v.Message); match != nil {
		meant = func(_ string, value any) bool {
			text, ok := value.(string)
			return ok && !strings.Contains(match[1], strconv.Quote(text))
		}
	}
	var found []string
	for key, value := range entries {
		if meant(key, value) {
			found = append(found, key)
		}
	}
	if len(found) != 1 {
		return path
	}
	return append(slices.Clip(path), found[0])
}

package admission

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// operatorChanges reports what an operator's own webhook refuses of a change. It says what the webhook's source says, of the release
// whose definitions kgate has; who it is stands in the message.
func operatorChanges(ctx context.Context, pass *check.Pass) error {
	for _, target := range pass.Targets {
		pairs, err := updated(ctx, target)
		if err != nil {
			return err
		}
		for _, pair := range pairs {
			hook, ok := updateHooks[pair.New.Group()+"/"+pair.New.Kind]
			if !ok || pair.Old.APIVersion != pair.New.APIVersion {
				continue
			}
			for _, r := range hook.change(pair.Old.Value, pair.New.Value) {
				if !pair.Old.Hides(r.path) && !pair.New.Hides(r.path) {
					pass.Report(target, pair.New, r.path, r.message+" (the webhook of "+hook.of+" refuses the update)")
				}
			}
		}
	}
	return ctx.Err()
}

// updateHooks are the webhooks by the group and kind that they judge.
var updateHooks = map[string]struct {
	of     string // an operator and its release
	change func(old, new map[string]any) []denial
}{
	"postgresql.cnpg.io/Cluster":              {"cloudnative-pg v1.27.0", clusterChange},
	"opentelemetry.io/OpenTelemetryCollector": {"opentelemetry-operator v0.140.0", collectorChange},
}

// denial is one thing that a webhook refuses.
type denial struct {
	path    manifest.Path
	message string
}

// collectorChange is what the webhook of a Collector refuses of a change: ValidateUpdate of
// https://github.com/open-telemetry/opentelemetry-operator/blob/v0.140.0/apis/v1beta1/collector_webhook.go.
func collectorChange(old, new map[string]any) []denial {
	at := manifest.Path{"spec", "mode"}
	was, is := cmp.Or(manifest.TextAt(old, at...), "deployment"), cmp.Or(manifest.TextAt(new, at...), "deployment")
	if was == is {
		return nil
	}
	return []denial{{at, fmt.Sprintf("the mode of a Collector cannot change from %s to %s: give the new one another name, and let what sends to it follow", was, is)}}
}

// clusterChange is what the webhook of a CloudNativePG Cluster refuses of a change: validateClusterChanges of
// https://github.com/cloudnative-pg/cloudnative-pg/blob/v1.27.0/internal/webhook/v1/cluster_webhook.go. What it compares with the
// status of a cluster is left out where the manifests do not say it.
func clusterChange(old, new map[string]any) []denial {
	var all []denial
	deny := func(path manifest.Path, format string, args ...any) {
		all = append(all, denial{path, fmt.Sprintf(format, args...)})
	}
	// A volume grows and never shrinks.
	shrinks := func(oldAt, newAt manifest.Path, what string) {
		was, _ := sizeOf(old, oldAt)
		is, at := sizeOf(new, newAt)
		if was != nil && is != nil && is.Cmp(*was) < 0 {
			deny(at, "%s cannot shrink from %s to %s: ask for as much as before; a smaller database is a new cluster that recovers from a backup of this one", what, was, is)
		}
	}
	storage := manifest.Path{"spec", "storage"}
	shrinks(storage, storage, "storage")
	wal := manifest.Path{"spec", "walStorage"}
	if manifest.At(old, wal...) != nil {
		if manifest.At(new, wal...) == nil {
			deny(wal, "walStorage cannot be removed once a cluster has it: keep it as it was")
		}
		shrinks(wal, wal, "walStorage")
	}
	tables := manifest.Path{"spec", "tablespaces"}
	now := manifest.ListAt(new, tables...)
	for i, t := range manifest.ListAt(old, tables...) {
		name := manifest.TextAt(t, "name")
		at := slices.IndexFunc(now, func(n any) bool { return manifest.TextAt(n, "name") == name })
		if at < 0 {
			deny(tables, "tablespace %s cannot be removed once a cluster has it: keep it", name)
			continue
		}
		shrinks(append(slices.Clone(tables), i, "storage"), append(slices.Clone(tables), at, "storage"), "the storage of tablespace "+name)
	}
	for _, id := range []string{"postgresUID", "postgresGID"} {
		at := manifest.Path{"spec", id}
		if was, is := numberAt(old, at, 26), numberAt(new, at, 26); was != is {
			deny(at, "%s cannot change from %d to %d: the files of the database belong to it", id, was, is)
		}
	}
	slots := manifest.Path{"spec", "replicationSlots", "highAvailability"}
	if manifest.At(old, append(slices.Clone(slots), "enabled")...) != false {
		prefix := append(slices.Clone(slots), "slotPrefix")
		was, is := manifest.TextAt(old, prefix...), manifest.TextAt(new, prefix...)
		if was != "" && is != "" && was != is {
			deny(prefix, "slotPrefix cannot change from %q to %q while highAvailability is enabled: disable it first", was, is)
		}
	}
	level := manifest.Path{"spec", "postgresql", "parameters", "wal_level"}
	if was, is := manifest.TextAt(old, level...), manifest.TextAt(new, level...); is == "minimal" && was != "" && was != is {
		deny(level, "wal_level cannot change from %s to minimal in a cluster that is there", was)
	}
	all = append(all, imageChange(old, new)...)
	return all
}

// imageChange is what of it is about the image: no older major, and no newer one that nobody can upgrade to; and none together with
// parameters, of which those count that both name: of others the webhook knows defaults.
func imageChange(old, new map[string]any) []denial {
	var all []denial
	was, _ := majorOf(old)
	is, at := majorOf(new)
	switch {
	case was == 0 || is == 0:
	case was > is:
		all = append(all, denial{at, fmt.Sprintf("PostgreSQL cannot go back from major %d to %d: its files are those of %d; the way back is a new cluster that imports a dump", was, is, was)})
	case was < is && is < 16:
		all = append(all, denial{at, fmt.Sprintf("PostgreSQL cannot go from major %d to %d: a major upgrade in place is to 16 or higher", was, is)})
	}
	image := manifest.Path{"spec", "imageName"}
	before, now := manifest.TextAt(old, image...), manifest.TextAt(new, image...)
	if before == "" || now == "" || before == now {
		return all
	}
	parameters := manifest.Path{"spec", "postgresql", "parameters"}
	had, _ := manifest.At(old, parameters...).(map[string]any)
	has, _ := manifest.At(new, parameters...).(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(has)) {
		if value, ok := had[name]; ok && fmt.Sprint(value) != fmt.Sprint(has[name]) {
			all = append(all, denial{image, fmt.Sprintf("imageName cannot change together with the parameter %s: change one, and the other when that is rolled out", name)})
			break
		}
	}
	return all
}

// sizeOf is what a storage asks for, and where it says so.
func sizeOf(o map[string]any, storage manifest.Path) (*resource.Quantity, manifest.Path) {
	for _, path := range []manifest.Path{{"size"}, {"pvcTemplate", "resources", "requests", "storage"}} {
		at := slices.Concat(storage, path)
		value, ok := at.Lookup(o)
		if !ok || value == "" {
			continue
		}
		q, err := manifest.ParseQuantity(fmt.Sprint(value))
		if err != nil {
			return nil, nil
		}
		return &q, at
	}
	return nil, nil
}

func numberAt(o map[string]any, path manifest.Path, otherwise int64) int64 {
	if n, ok := manifest.At(o, path...).(int64); ok && n != 0 {
		return n
	}
	return otherwise
}

// leading is the version that a tag begins with.
var leading = regexp.MustCompile(`^(\d+)(\.\d+)*`)

// majorOf is the major version of PostgreSQL that a cluster names, and where; 0 where it names none.
func majorOf(o map[string]any) (int, manifest.Path) {
	catalog := manifest.Path{"spec", "imageCatalogRef", "major"}
	if n, ok := manifest.At(o, catalog...).(int64); ok {
		return int(n), catalog
	}
	image := manifest.Path{"spec", "imageName"}
	name, _, _ := strings.Cut(manifest.TextAt(o, image...), "@")
	i := strings.LastIndex(name, ":")
	if i < 0 || strings.Contains(name[i:], "/") {
		return 0, image
	}
	match := leading.FindStringSubmatch(name[i+1:])
	if match == nil {
		return 0, image
	}
	major, err := strconv.Atoi(match[1])
	if err != nil {
		return 0, image
	}
	return major, image
}

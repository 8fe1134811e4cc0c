package danger

import (
	"fmt"
	"slices"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/relation"
)

var dataLost = &check.Check{
	Name:  "danger/data-lost",
	Title: "No change deletes data, or parts a workload from its own",
	Doc: "What a repository has no longer, a sync that prunes deletes: with a claim goes its volume, with a database its claims, with a Namespace " +
		"all that is in it, with a CustomResourceDefinition every object of its kind. To rename such an object, or to move it to another namespace, is to remove it " +
		"and to begin with an empty one. An error is what is deleted, as far as the repository shows; a warning is data that stays without anybody that reads it, an object whose deployer " +
		"does not prune, and a policy that from now on deletes what it kept. Nothing is said of an object with Prune=false or Flux' prune: disabled. " +
		"helm.sh/resource-policy keeps nothing from Argo CD's pruning, nor does Delete=false: these keep it when its Application is deleted, and Prune=false does not.",
	Fix:      "Keep the name and the namespace, or back the data up and move it. Give an object that is to stay argocd.argoproj.io/sync-options: Prune=false, or Delete=false where its Application goes, in a change before this one; exempt a removal that is meant, with its owner and the reason.",
	Severity: check.Error, Scope: check.Update, Origin: "kgate",
	References: []string{
		"https://kubernetes.io/docs/concepts/storage/persistent-volumes/#reclaiming",
		"https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#persistentvolumeclaim-retention",
		"https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/#no-prune-resources",
	},
	Was: dataLostWas, Bad: dataLostBad, Good: dataLostGood,
	Run: each(lookForLostData),
}

// holding is what goes with an object that is deleted; "" where its data stays, for stays to say.
type holding struct{ goes, stays string }

// holds says what hangs on an object, by its kind.
func (s *scene) holds(o *manifest.Object) (holding, bool) {
	if held, ok := s.holdsOfCore(o); ok {
		return held, true
	}
	store, ok := stores()[o.Group()][o.Kind]
	if !ok {
		return holding{}, false
	}
	return store(o), true
}

func (s *scene) holdsOfCore(o *manifest.Object) (holding, bool) {
	switch {
	case is(o, "", "Namespace"):
		return holding{goes: "everything in the namespace"}, true
	case is(o, "apiextensions.k8s.io", "CustomResourceDefinition"):
		kind := manifest.TextAt(o.Value, "spec", "names", "kind")
		if kind == "" {
			kind = "its kind"
		}
		return holding{goes: "every " + kind + " in the cluster"}, true
	case is(o, "", "PersistentVolumeClaim"):
		return s.claim(o), true
	case is(o, "apps", "StatefulSet"):
		templates := manifest.ListAt(o.Value, "spec", "volumeClaimTemplates")
		if len(templates) == 0 {
			return holding{}, false
		}
		if manifest.TextAt(o.Value, "spec", "persistentVolumeClaimRetentionPolicy", "whenDeleted") == "Delete" {
			return holding{goes: "the claims of its pods and their volumes (whenDeleted: Delete)"}, true
		}
		return holding{stays: "the claims of its pods stay, and nothing reads them"}, true
	case is(o, "", "PersistentVolume") && manifest.TextAt(o.Value, "spec", "persistentVolumeReclaimPolicy") == "Delete":
		return holding{goes: "the storage behind it (reclaim policy Delete)"}, true
	case is(o, "snapshot.storage.k8s.io", "VolumeSnapshot"):
		class := s.class("snapshot.storage.k8s.io", "VolumeSnapshotClass", manifest.TextAt(o.Value, "spec", "volumeSnapshotClassName"))
		if class != nil && manifest.TextAt(class.Value, "deletionPolicy") == "Retain" {
			return holding{stays: "what it holds stays, and no snapshot names it"}, true
		}
		return holding{goes: "what it holds, unless its class retains it"}, true
	}
	return holding{}, false
}

// claim is what goes with a claim: that rests on the volume that it names, or on the class that makes one for it.
func (s *scene) claim(o *manifest.Object) holding {
	volume := s.class("", "PersistentVolume", manifest.TextAt(o.Value, "spec", "volumeName"))
	class := s.class("storage.k8s.io", "StorageClass", manifest.TextAt(o.Value, "spec", "storageClassName"))
	policy, of := "", ""
	switch {
	case volume != nil:
		policy, of = manifest.TextAt(volume.Value, "spec", "persistentVolumeReclaimPolicy"), title(volume)
		if policy == "" {
			policy = "Retain" // what the API server makes of a volume that somebody writes
		}
	case class != nil:
		policy, of = manifest.TextAt(class.Value, "reclaimPolicy"), title(class)
		if policy == "" {
			policy = "Delete"
		}
	}
	switch policy {
	case "":
		return holding{goes: "its volume, unless the reclaim policy is Retain"}
	case "Retain":
		return holding{stays: fmt.Sprintf("its volume stays (reclaim policy Retain of %s), for no claim", of)}
	}
	return holding{goes: fmt.Sprintf("its volume (reclaim policy %s of %s)", policy, of)}
}

// class is an object of the side before, of a kind that is in no namespace.
func (s *scene) class(group, kind, name string) *manifest.Object {
	for _, o := range s.olds() {
		if name != "" && is(o, group, kind) && o.Name == name {
			return o
		}
	}
	return nil
}

// stores are kinds of operators whose objects hold data, by what goes with one.
func stores() relation.Kinds[func(*manifest.Object) holding] {
	goes := func(what string) func(*manifest.Object) holding {
		return func(*manifest.Object) holding { return holding{goes: what} }
	}
	// unlessSaid is of what stays unless a field of the object says that it goes.
	unlessSaid := func(what string, path manifest.Path, value any) func(*manifest.Object) holding {
		return func(o *manifest.Object) holding {
			if manifest.At(o.Value, path...) == value {
				return holding{goes: fmt.Sprintf("%s (%s: %v)", what, path, value)}
			}
			return holding{stays: what + " stay, and nothing reads them"}
		}
	}
	unlessKept := func(what string, path manifest.Path, value any) func(*manifest.Object) holding {
		return func(o *manifest.Object) holding {
			if manifest.At(o.Value, path...) == value {
				return holding{stays: fmt.Sprintf("%s stay (%s: %v), and nothing reads them", what, path, value)}
			}
			return holding{goes: what}
		}
	}
	finalizer := func(name string) func(*manifest.Object) holding {
		return func(o *manifest.Object) holding {
			// Releases differ in whether the name has a domain.
			if slices.ContainsFunc(manifest.ListAt(o.Value, "metadata", "finalizers"), func(f any) bool { return f == name || f == "percona.com/"+name }) {
				return holding{goes: "its claims and their volumes (finalizer " + name + ")"}
			}
			return holding{stays: "its claims stay, and nothing reads them"}
		}
	}
	kafka := func(o *manifest.Object) holding {
		if says(o.Value, "deleteClaim", true) {
			return holding{goes: "its claims and their volumes (deleteClaim: true)"}
		}
		return holding{stays: "its claims stay, and nothing reads them"}
	}
	return relation.Kinds[func(*manifest.Object) holding]{
		// The operator owns the claims: https://cloudnative-pg.io/documentation/current/operator_conf/
		"postgresql.cnpg.io": {
			"Cluster":  goes("its claims and their volumes"),
			"Database": unlessSaid("the tables of the database", fields("spec", "databaseReclaimPolicy"), "delete"),
		},
		// enable_persistent_volume_claim_deletion, which is on unless the operator is told otherwise.
		"acid.zalan.do": {"postgresql": goes("its claims and their volumes, unless the operator is told to keep them")},
		// https://access.crunchydata.com/documentation/postgres-operator/latest/guides/storage-retention
		"postgres-operator.crunchydata.com": {"PostgresCluster": goes("its claims and their volumes")},
		"pgv2.percona.com":                  {"PerconaPGCluster": finalizer("delete-pvc")},
		"pxc.percona.com":                   {"PerconaXtraDBCluster": finalizer("delete-pxc-pvc")},
		"psmdb.percona.com":                 {"PerconaServerMongoDB": finalizer("delete-psmdb-pvc")},
		"ps.percona.com":                    {"PerconaServerMySQL": finalizer("delete-mysql-pvc")},
		"mongodbcommunity.mongodb.com":      {"MongoDBCommunity": func(*manifest.Object) holding { return holding{stays: "its claims stay, and nothing reads them"} }},
		"k8s.mariadb.com":                   {"MariaDB": unlessSaid("its claims", fields("spec", "storage", "pvcRetentionPolicy", "whenDeleted"), "Delete")},
		// https://www.elastic.co/guide/en/cloud-on-k8s/current/k8s-volume-claim-templates.html
		"elasticsearch.k8s.elastic.co": {"Elasticsearch": unlessKept("its claims", fields("spec", "volumeClaimDeletePolicy"), "DeleteOnScaledownOnly")},
		// https://strimzi.io/docs/operators/latest/configuring: deleteClaim, false unless said; a topic is deleted with its messages.
		"kafka.strimzi.io": {"Kafka": kafka, "KafkaNodePool": kafka, "KafkaTopic": func(o *manifest.Object) holding {
			if annotation(o, "strimzi.io/managed") == "false" {
				return holding{} // the topic stays as it is
			}
			return holding{goes: "the messages of the topic"}
		}},
		"rabbitmq.com": {
			"RabbitmqCluster": goes("its queues, claims and volumes"),
			"Queue":           unlessKept("the messages of the queue", fields("spec", "deletionPolicy"), "retain"),
			"Vhost":           unlessKept("the queues of the virtual host", fields("spec", "deletionPolicy"), "retain"),
		},
		"redis.redis.opstreelabs.in": {
			"Redis":            unlessKept("its claims", fields("spec", "storage", "keepAfterDelete"), true),
			"RedisCluster":     unlessKept("its claims", fields("spec", "storage", "keepAfterDelete"), true),
			"RedisReplication": unlessKept("its claims", fields("spec", "storage", "keepAfterDelete"), true),
		},
		"kubevirt.io": {"VirtualMachine": func(o *manifest.Object) holding {
			if len(manifest.ListAt(o.Value, "spec", "dataVolumeTemplates")) == 0 {
				return holding{stays: "its disks stay, for no machine"}
			}
			return holding{goes: "the disks of its dataVolumeTemplates"}
		}},
		"cdi.kubevirt.io": {"DataVolume": goes("its claim and the disk")},
		"objectbucket.io": {"ObjectBucketClaim": goes("the bucket, unless its StorageClass retains it")},
		"ceph.rook.io": {
			"CephCluster":     unlessSaid("the data of the cluster", fields("spec", "cleanupPolicy", "confirmation"), "yes-really-destroy-data"),
			"CephFilesystem":  unlessKept("the files", fields("spec", "preserveFilesystemOnDelete"), true),
			"CephObjectStore": unlessKept("the objects", fields("spec", "preservePoolsOnDelete"), true),
		},
	}
}

func lookForLostData(s *scene) {
	for _, o := range s.removed() {
		held, holds := s.holds(o)
		how, severity, ends := s.fate(o)
		if !holds || !ends || held == (holding{}) {
			continue
		}
		if held.goes == "" {
			s.gone(check.Warning, o, nil, "data left behind: %s %s: %s", title(o), s.becomes(o), held.stays)
			continue
		}
		s.gone(severity, o, nil, "data lost: %s %s: %s, with %s", title(o), s.becomes(o), how, held.goes)
	}
	for _, p := range s.changed() {
		s.unkept(p)
		s.reclaims(p)
		s.scaledDown(p)
		s.volumes(p)
	}
}

// unkept looks for what holds data and says no longer that it is to stay.
func (s *scene) unkept(p check.Pair) {
	path := fields("metadata", "annotations")
	if held, holds := s.holds(p.Old); holds && held.goes != "" && kept(p.Old) && !kept(p.New) && known(p, path, path) {
		s.as(check.Warning, p.New, path, "data at stake: %s is deleted from now on with its manifest: Prune=false, or prune: disabled → neither", title(p.New))
	}
}

// reclaim is a field that says what becomes of data, and the values by which it goes.
type reclaim struct {
	group, kind string
	path        manifest.Path
	unset       string // what holds where it says nothing
	deletes     []string
	what        string
}

func reclaimers() []reclaim {
	claims := fields("spec", "persistentVolumeClaimRetentionPolicy")
	return []reclaim{
		{"", "PersistentVolume", fields("spec", "persistentVolumeReclaimPolicy"), "Retain", []string{"Delete", "Recycle"}, "the storage goes with the claim that has it"},
		{"apps", "StatefulSet", below(claims, "whenDeleted"), "Retain", []string{"Delete"}, "the claims of its pods go with it"},
		{"apps", "StatefulSet", below(claims, "whenScaled"), "Retain", []string{"Delete"}, "the claims of pods go when it is scaled down"},
		{"snapshot.storage.k8s.io", "VolumeSnapshotClass", fields("deletionPolicy"), "", []string{"Delete"}, "snapshots that are made from now on go with their VolumeSnapshot"},
		{"snapshot.storage.k8s.io", "VolumeSnapshotContent", fields("spec", "deletionPolicy"), "", []string{"Delete"}, "the snapshot goes with its VolumeSnapshot"},
		{"storage.k8s.io", "StorageClass", fields("reclaimPolicy"), "Delete", []string{"Delete"}, "volumes that are made from now on go with their claims"},
		{"postgresql.cnpg.io", "Database", fields("spec", "databaseReclaimPolicy"), "retain", []string{"delete"}, "the database is dropped with the object"},
		{"elasticsearch.k8s.elastic.co", "Elasticsearch", fields("spec", "volumeClaimDeletePolicy"), "DeleteOnScaledownAndClusterDeletion", []string{"DeleteOnScaledownAndClusterDeletion"}, "its claims go with it"},
		{"ceph.rook.io", "CephFilesystem", fields("spec", "preserveFilesystemOnDelete"), "false", []string{"false"}, "the files go with the object"},
	}
}

// reclaims looks for policies that from now on delete what they kept.
func (s *scene) reclaims(p check.Pair) {
	for _, r := range reclaimers() {
		if !is(p.New, r.group, r.kind) || !known(p, r.path, r.path) {
			continue
		}
		value := func(o *manifest.Object) string {
			if v := manifest.At(o.Value, r.path...); v != nil {
				return fmt.Sprint(v)
			}
			return r.unset
		}
		old, new := value(p.Old), value(p.New)
		if old != new && old != "" && slices.Contains(r.deletes, new) && !slices.Contains(r.deletes, old) {
			s.as(check.Warning, p.New, r.path, "data at stake: %s has %s: %s → %s: %s", title(p.New), r.path, old, new, r.what)
		}
	}
}

// scaledDown looks for StatefulSets that delete the claims of the pods that they lose.
func (s *scene) scaledDown(p check.Pair) {
	path := fields("spec", "replicas")
	if !is(p.New, "apps", "StatefulSet") || len(manifest.ListAt(p.New.Value, "spec", "volumeClaimTemplates")) == 0 || !known(p, path, path) ||
		manifest.TextAt(p.New.Value, "spec", "persistentVolumeClaimRetentionPolicy", "whenScaled") != "Delete" {
		return
	}
	old, had := count(p.Old, path)
	new, has := count(p.New, path)
	if had && has && new < old {
		s.at(p.New, path, "data lost: %s has spec.replicas: %d → %d: the claims of the pods that go are deleted with their volumes (whenScaled: Delete)", title(p.New), old, new)
	}
}

// volumes looks for pods that begin with other storage under the name of a volume.
func (s *scene) volumes(p check.Pair) {
	before, had := podPath(p.Old)
	after, has := podPath(p.New)
	if !had || !has {
		return
	}
	for _, v := range parts(p.New, below(after, "volumes")) {
		old, was := counterpart(p.Old, below(before, "volumes"), v.name)
		claim := below(old.path, "persistentVolumeClaim", "claimName")
		from := manifest.TextAt(p.Old.Value, claim...)
		if !was || from == "" || !known(p, claim, v.path) {
			continue
		}
		path := below(v.path, "persistentVolumeClaim", "claimName")
		to := manifest.TextAt(p.New.Value, path...)
		switch {
		case to == from, s.claimGone(p.Old.Namespace, from): // which says it all
		case to != "":
			s.as(check.Warning, p.New, path, "data left behind: volume %q of %s is of another claim: %s → %s", v.name, title(p.New), from, to)
		default:
			s.as(check.Warning, p.New, v.path, "data left behind: volume %q of %s is PersistentVolumeClaim %q → %s", v.name, title(p.New), from, source(p.New, v.path))
		}
	}
}

// claimGone reports whether the change removes a claim.
func (s *scene) claimGone(namespace, name string) bool {
	return slices.ContainsFunc(s.removed(), func(o *manifest.Object) bool {
		return is(o, "", "PersistentVolumeClaim") && o.Name == name && o.Namespace == namespace
	})
}

// says reports whether a field of a name has a value, wherever it stands.
func says(value any, name string, is any) bool {
	switch v := value.(type) {
	case map[string]any:
		for key, field := range v {
			if key == name && field == is || says(field, name, is) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, func(item any) bool { return says(item, name, is) })
	}
	return false
}

// source is what a volume is of.
func source(o *manifest.Object, path manifest.Path) string {
	volume, _ := manifest.At(o.Value, path...).(map[string]any)
	for key := range volume {
		if key != "name" {
			return key
		}
	}
	return "nothing"
}

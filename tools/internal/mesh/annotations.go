package mesh

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"istio.io/api/annotation"
	meshconfig "istio.io/api/mesh/v1alpha1"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/relation"
	"github.com/kgate-dev/gitops/tools/internal/spelling"
)

func podAnnotations() *check.Check {
	return &check.Check{
		Name:  "mesh/pod-annotations",
		Title: "Istio can read what the annotations of a pod tell the sidecar",
		Doc: "What `proxy.istio.io/config` holds is YAML of a ProxyConfig: a field that Istio does not know is passed over without a " +
			"word, and the sidecar runs without it. With a value that cannot be read, there and in the annotations for ports, address " +
			"ranges, resources and volumes of the sidecar, the webhook refuses every pod.",
		Fix:      "Correct the field or the value; Istio's reference of resource annotations and of ProxyConfig has them all.",
		Severity: check.Error,
		Scope:    check.Object,
		Origin:   "istio",
		References: []string{
			"https://istio.io/latest/docs/reference/config/annotations/",
			"https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#ProxyConfig",
			"https://github.com/istio/istio/blob/master/pkg/kube/inject/validate.go",
		},
		Bad:  podAnnotationsBad,
		Good: podAnnotationsGood,
		Run:  runPodAnnotations,
	}
}

func runPodAnnotations(ctx context.Context, pass *check.Pass) error {
	readers := readers()
	for _, target := range pass.Targets {
		for _, object := range target.Objects {
			if err := ctx.Err(); err != nil {
				return err
			}
			template, ok := relation.Known().Templates.Of(object.Group(), object.Kind)
			if !ok {
				continue
			}
			var path manifest.Path
			for _, step := range template {
				path = append(path, step)
			}
			path = append(path, "metadata", "annotations")
			annotations, _ := path.Lookup(object.Value)
			values, _ := annotations.(map[string]any)
			for name, value := range values {
				at := append(slices.Clip(path), name)
				text, ok := value.(string)
				if !ok || object.Hides(at) || strings.Contains(text, "${") || strings.Contains(text, "{{") {
					continue // what is no text is for the API server to say
				}
				if name == annotation.ProxyConfig.Name {
					for _, fault := range proxyConfigFaults(text) {
						pass.ReportLine(target, object, at, fault.line, fmt.Sprintf("%s: %s", name, fault.what))
					}
				} else if read := readers[name]; read != nil && text != "" {
					if err := read(text); err != nil {
						pass.Report(target, object, at, fmt.Sprintf("%s: %q is not what Istio reads: %v", name, text, err))
					}
				}
			}
		}
	}
	return nil
}

// readers read the values of annotations as Istio's webhook does, and what its template reads as JSON.
func readers() map[string]func(string) error {
	return map[string]func(string) error{
		annotation.SidecarInterceptionMode.Name:                   interceptionMode,
		annotation.SidecarProxyCPU.Name:                           quantity,
		annotation.SidecarProxyCPULimit.Name:                      quantity,
		annotation.SidecarProxyMemory.Name:                        quantity,
		annotation.SidecarProxyMemoryLimit.Name:                   quantity,
		annotation.SidecarStatusPort.Name:                         count,
		annotation.SidecarStatusReadinessApplicationPorts.Name:    ports,
		annotation.SidecarStatusReadinessFailureThreshold.Name:    count,
		annotation.SidecarStatusReadinessInitialDelaySeconds.Name: count,
		annotation.SidecarStatusReadinessPeriodSeconds.Name:       count,
		annotation.SidecarTrafficExcludeInboundPorts.Name:         ports,
		annotation.SidecarTrafficExcludeOutboundIPRanges.Name:     ranges,
		annotation.SidecarTrafficExcludeOutboundPorts.Name:        ports,
		annotation.SidecarTrafficIncludeInboundPorts.Name:         anyOr(ports),
		annotation.SidecarTrafficIncludeOutboundIPRanges.Name:     anyOr(ranges),
		annotation.SidecarUserVolume.Name:                         list,
		annotation.SidecarUserVolumeMount.Name:                    list,
		annotation.PrometheusMergeMetrics.Name:                    truth,
	}
}

func interceptionMode(text string) error {
	if !slices.Contains([]string{"REDIRECT", "TPROXY", "NONE"}, text) {
		return fmt.Errorf("it is one of REDIRECT, TPROXY and NONE")
	}
	return nil
}

func quantity(text string) error {
	_, err := manifest.ParseQuantity(text)
	return err
}

func count(text string) error {
	if _, err := strconv.ParseUint(text, 10, 32); err != nil {
		return fmt.Errorf("it is a number")
	}
	return nil
}

func truth(text string) error {
	if _, err := strconv.ParseBool(text); err != nil {
		return fmt.Errorf("it is true or false")
	}
	return nil
}

func ports(text string) error {
	for port := range strings.SplitSeq(text, ",") {
		if _, err := strconv.ParseUint(strings.TrimSpace(port), 10, 16); err != nil && strings.TrimSpace(port) != "" {
			return fmt.Errorf("it is a list of ports with commas between them")
		}
	}
	return nil
}

func ranges(text string) error {
	for r := range strings.SplitSeq(text, ",") {
		if _, err := netip.ParsePrefix(strings.TrimSpace(r)); err != nil {
			return fmt.Errorf("it is a list of CIDR ranges with commas between them")
		}
	}
	return nil
}

func anyOr(read func(string) error) func(string) error {
	return func(text string) error {
		if text == "*" {
			return nil
		}
		return read(text)
	}
}

// list is of volumes or of their mounts: the template walks the entries of a list or of a mapping.
func list(text string) error {
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return fmt.Errorf("it is JSON: %v", err)
	}
	return nil
}

// slip is something wrong in a text, at a line of it, the first where that is not known.
type slip struct {
	line int
	what string
}

// proxyConfigFaults are what Istio does not read of a ProxyConfig, or cannot.
func proxyConfigFaults(text string) []slip {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		return []slip{{1, "it is no YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}}
	}
	if len(document.Content) == 0 {
		return nil
	}
	config := &meshconfig.ProxyConfig{}
	if root := document.Content[0]; root.Kind != yaml.MappingNode {
		return []slip{{max(root.Line, 1), "it is no mapping with fields of a ProxyConfig"}}
	}
	faults := unknownFields(document.Content[0], config.ProtoReflect().Descriptor(), "")
	asJSON, err := sigsyaml.YAMLToJSON([]byte(text))
	if err == nil {
		err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(asJSON, config)
	}
	if err != nil {
		faults = append(faults, slip{1, "the webhook cannot read it and refuses the pods: " + withoutPlace(err.Error())})
	}
	return faults
}

// withoutPlace leaves out the place in JSON that nobody has written, and the blank that the library puts in by chance.
func withoutPlace(message string) string {
	message = strings.TrimPrefix(strings.ReplaceAll(message, "\u00a0", " "), "proto: ")
	if rest, ok := strings.CutPrefix(message, "(line "); ok {
		if _, after, ok := strings.Cut(rest, "): "); ok {
			return after
		}
	}
	return message
}

func unknownFields(mapping *yaml.Node, message protoreflect.MessageDescriptor, within string) []slip {
	var faults []slip
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		if key.Value == "<<" {
			continue
		}
		field := message.Fields().ByJSONName(key.Value)
		if field == nil {
			field = message.Fields().ByTextName(key.Value)
		}
		if field == nil {
			what := fmt.Sprintf("Istio knows no field %s%s and passes over it", within, key.Value)
			if near := spelling.Closest(key.Value, names(message)); near != "" {
				what += fmt.Sprintf("; did you mean `%s`?", near)
			}
			faults = append(faults, slip{key.Line, what})
			continue
		}
		if enum := field.Enum(); enum != nil && value.Kind == yaml.ScalarNode && value.Tag == "!!str" && enum.Values().ByName(protoreflect.Name(value.Value)) == nil {
			faults = append(faults, slip{value.Line, fmt.Sprintf("%s%s has no value %s: the webhook refuses the pods", within, key.Value, value.Value)})
			continue
		}
		below := field.Message()
		if below == nil || field.IsMap() || strings.HasPrefix(string(below.FullName()), "google.protobuf.") {
			continue
		}
		path := within + key.Value + "."
		if field.IsList() && value.Kind == yaml.SequenceNode {
			for _, item := range value.Content {
				faults = append(faults, unknownFields(item, below, path)...)
			}
		} else if value.Kind == yaml.MappingNode {
			faults = append(faults, unknownFields(value, below, path)...)
		}
	}
	return faults
}

func names(message protoreflect.MessageDescriptor) []string {
	var all []string
	for i := range message.Fields().Len() {
		all = append(all, message.Fields().Get(i).JSONName())
	}
	return all
}

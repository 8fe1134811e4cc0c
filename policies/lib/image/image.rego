# METADATA
# scope: package
# title: References to images
# description: |
#   The parts of a reference, registry:port/repository:tag@digest, as the distribution project's grammar
#   has them.
# related_resources:
#   - ref: https://pkg.go.dev/github.com/distribution/reference
package policies.lib.image

# METADATA
# description: |
#   The tag of a reference, before a digest where it has one; undefined where it has no tag, or is no
#   reference. A colon before the last slash belongs to the registry's port.
tag(reference) := found if {
	is_string(reference)
	[[_, found]] := regex.find_all_string_submatch_n(`^(?:[^\s@]+/)?[^\s@/:]+:([0-9A-Za-z_][0-9A-Za-z_.-]{0,127})(?:@[0-9A-Za-z+._-]+:[0-9a-fA-F]{32,})?$`, reference, 1)
}

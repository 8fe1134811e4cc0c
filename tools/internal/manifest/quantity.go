package manifest

import (
	"fmt"
	"regexp"

	"k8s.io/apimachinery/pkg/api/resource"
)

const (
	longestQuantity = 64 // digits: of digits without end the parser makes a number
	longestExponent = 4  // digits: whoever compares 1e1000000000 with another quantity writes it out
)

var number = regexp.MustCompile(`^\s*[+-]?([0-9.]+)(?:[eE][+-]?0*([0-9]*)\s*$)?`)

// Measurable reports whether Kubernetes' code can count with a text as a quantity, in time and memory that do not depend on what it
// says. What is no quantity is for others to say.
func Measurable(text string) bool {
	parts := number.FindStringSubmatch(text)
	return parts == nil || len(parts[1]) <= longestQuantity && len(parts[2]) <= longestExponent
}

// ParseQuantity is Kubernetes' own, of texts that it can count with.
func ParseQuantity(text string) (resource.Quantity, error) {
	if !Measurable(text) {
		return resource.Quantity{}, fmt.Errorf("a quantity has at most %d digits, and %d of an exponent", longestQuantity, longestExponent)
	}
	return resource.ParseQuantity(text)
}

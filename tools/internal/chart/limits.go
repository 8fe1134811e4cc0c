package chart

import (
	"context"
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"
)

// Limits on what a chart may take. Helm knows none: a template of a line loops for ever, or fills the memory.
const (
	mostTime  = time.Minute // for one release; a chart of two hundred templates takes a tenth of a second
	mostText  = 64 << 20    // bytes that the templates of a release write
	mostItems = 1 << 20     // of a list that a function makes
	mostOnce  = 16 << 20    // bytes that a function makes at once
)

var (
	errTime = fmt.Errorf("rendering the chart takes more than %s: a template loops without an end, or nearly so", mostTime)
	errText = fmt.Errorf("the templates of the chart write more than %d MB", mostText>>20)
)

// bounds are functions of the templates of one render that make much of little, with a limit.
func bounds() template.FuncMap {
	all := sprig.TxtFuncMap()
	items := func(name string, count float64) error {
		if count > mostItems {
			return fmt.Errorf("%s makes a list of more than %d items", name, mostItems)
		}
		return nil
	}
	made := 0.0
	bytes := func(name string, each, times float64) error {
		if each*times > mostOnce {
			return fmt.Errorf("%s makes a text of more than %d MB", name, mostOnce>>20)
		}
		if made += max(each*times, 0); made > mostText {
			return fmt.Errorf("%s and its like make texts of more than %d MB together", name, mostText>>20)
		}
		return nil
	}
	// held is of texts that are made of all that is given.
	held := func(name string, args ...any) error {
		size := 0
		if err := measure(reflect.ValueOf(args), &size, 0); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return bytes(name, float64(size), 1)
	}
	until := all["until"].(func(int) []int)
	untilStep := all["untilStep"].(func(int, int, int) []int)
	seq := all["seq"].(func(...int) string)
	repeat := all["repeat"].(func(int, string) string)
	limited := template.FuncMap{
		"until": func(count int) ([]int, error) {
			if err := items("until", math.Abs(float64(count))); err != nil {
				return nil, err
			}
			return until(count), nil
		},
		"untilStep": func(start, stop, step int) ([]int, error) {
			if err := items("untilStep", (float64(stop)-float64(start))/float64(step)); step != 0 && err != nil {
				return nil, err
			}
			return untilStep(start, stop, step), nil
		},
		"seq": func(params ...int) (string, error) {
			far, step := 0.0, 1.0
			switch len(params) {
			case 1:
				far = float64(params[0])
			case 2:
				far = float64(params[1]) - float64(params[0])
			case 3:
				far, step = float64(params[2])-float64(params[0]), float64(params[1])
			}
			if err := items("seq", math.Abs(far/step)); step != 0 && err != nil {
				return "", err
			}
			return seq(params...), nil
		},
		"repeat": func(count int, text string) (string, error) {
			if err := bytes("repeat", float64(len(text)), float64(count)); err != nil {
				return "", err
			}
			return repeat(count, text), nil
		},
	}
	for _, name := range []string{"indent", "nindent"} {
		indent := all[name].(func(int, string) string)
		limited[name] = func(spaces int, text string) (string, error) {
			lines := float64(strings.Count(text, "\n") + 1)
			if err := bytes(name, float64(spaces)+float64(len(text))/lines, lines); err != nil {
				return "", err
			}
			return indent(spaces, text), nil
		}
	}
	for name, f := range map[string]func(...any) string{"print": fmt.Sprint, "println": fmt.Sprintln, "cat": all["cat"].(func(...any) string)} {
		limited[name] = func(args ...any) (string, error) {
			if err := held(name, args...); err != nil {
				return "", err
			}
			return f(args...), nil
		}
	}
	limited["printf"] = func(format string, args ...any) (string, error) {
		size := 0
		if err := measure(reflect.ValueOf(args), &size, 0); err != nil {
			return "", fmt.Errorf("printf: %w", err)
		}
		if err := bytes("printf", float64(len(format)+size)+padding(format, args, size), 1); err != nil {
			return "", err
		}
		return fmt.Sprintf(format, args...), nil
	}
	join := all["join"].(func(string, any) string)
	limited["join"] = func(separator string, list any) (string, error) {
		count := 1
		if v := reflect.ValueOf(list); v.Kind() == reflect.Slice || v.Kind() == reflect.Array {
			count = v.Len()
		}
		if err := bytes("join", float64(len(separator)), float64(count)); err != nil {
			return "", err
		}
		if err := held("join", list); err != nil {
			return "", err
		}
		return join(separator, list), nil
	}
	replace := all["replace"].(func(string, string, string) string)
	limited["replace"] = func(old, new, text string) (string, error) {
		if err := bytes("replace", float64(len(text))+float64(strings.Count(text, old))*float64(len(new)-len(old)), 1); err != nil {
			return "", err
		}
		return replace(old, new, text), nil
	}
	// These make at most a few times what they are given, and again of that where they are called again.
	for _, name := range []string{"quote", "squote", "toString", "b64enc", "b32enc"} {
		limited[name] = guarded(all[name], func(args []reflect.Value) error {
			size := 0
			for _, arg := range args {
				if err := measure(arg, &size, 0); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
			return bytes(name, float64(size), 1)
		}, nil)
	}
	// What holds itself is printed without an end, and Go ends a program that does.
	limited["set"] = guarded(all["set"], func(args []reflect.Value) error {
		return (&nesting{above: map[uintptr]bool{args[0].Pointer(): true}, done: map[list]bool{}}).check("set", args[2], 0)
	}, nil)
	for _, name := range []string{"merge", "mergeOverwrite", "mustMerge", "mustMergeOverwrite"} {
		limited[name] = guarded(all[name], nil, func(args []reflect.Value) error {
			return (&nesting{above: map[uintptr]bool{}, done: map[list]bool{}}).check(name, args[0], 0)
		})
	}
	return limited
}

// guarded is a function that is called only where something before does not object, and whose result counts only where nothing
// after does. The engine makes errors of its panics.
func guarded(function any, before, after func(args []reflect.Value) error) any {
	f := reflect.ValueOf(function)
	return reflect.MakeFunc(f.Type(), func(args []reflect.Value) (results []reflect.Value) {
		if before != nil {
			if err := before(args); err != nil {
				panic(err)
			}
		}
		if f.Type().IsVariadic() {
			results = f.CallSlice(args)
		} else {
			results = f.Call(args)
		}
		if after != nil {
			if err := after(args); err != nil {
				panic(err)
			}
		}
		return results
	}).Interface()
}

// nesting walks a value, each part of it once.
type nesting struct {
	above map[uintptr]bool // maps that hold what is looked at
	done  map[list]bool
}

// list is a list, or a map, whose length does not matter.
type list struct {
	at     uintptr
	length int
}

// check finds a map that holds itself, and what lies too deep.
func (n *nesting) check(name string, v reflect.Value, deep int) error {
	for v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if v.Kind() != reflect.Map && v.Kind() != reflect.Slice || v.IsNil() {
		return nil
	}
	at := list{at: v.Pointer()}
	if v.Kind() == reflect.Slice {
		at.length = 1 + v.Len()
	} else if n.above[at.at] {
		return fmt.Errorf("%s puts a value into itself", name)
	}
	switch {
	case n.done[at]:
		return nil
	case deep > mostDeep:
		return fmt.Errorf("%s: %w", name, errDeep)
	}
	n.done[at] = true
	if v.Kind() == reflect.Slice {
		for i := range v.Len() {
			if err := n.check(name, v.Index(i), deep+1); err != nil {
				return err
			}
		}
		return nil
	}
	n.above[at.at] = true
	defer delete(n.above, at.at)
	for items := v.MapRange(); items.Next(); {
		if err := n.check(name, items.Value(), deep+1); err != nil {
			return err
		}
	}
	return nil
}

// verb is what of a format makes something of an argument.
var verb = regexp.MustCompile(`%[-+# 0-9.*\[\]]*`)

// number is a width, a precision or the place of an argument.
var number = regexp.MustCompile(`[0-9]+|\*`)

// padding is how many bytes a format asks for beyond its arguments, at most: fmt pads to no more than a million each. Where it
// names arguments by their place, it can write one of that size as often as it has verbs.
func padding(format string, args []any, size int) float64 {
	const most = 1_000_000
	widest := 0 // for a width that is an argument
	for _, arg := range args {
		switch v := reflect.ValueOf(arg); {
		case v.CanInt():
			widest = max(widest, int(min(max(v.Int(), -v.Int()), most)))
		case v.CanUint():
			widest = max(widest, int(min(v.Uint(), most)))
		}
	}
	sum := 0.0
	for _, v := range verb.FindAllString(format, -1) {
		if strings.Contains(v, "[") {
			sum += float64(size)
		}
		for _, n := range number.FindAllString(v, -1) {
			if n == "*" {
				sum += float64(widest)
			} else if wide, err := strconv.Atoi(n); err == nil {
				sum += float64(min(wide, most))
			}
		}
	}
	return sum
}

// mostDeep is how deep values may lie in each other: one that holds itself has no end.
const mostDeep = 1000

var errDeep = fmt.Errorf("the value is nested more than %d deep, or holds itself", mostDeep)

// measure adds the bytes of the texts in a value to a size, and one for everything else, up to what is too much.
func measure(v reflect.Value, size *int, deep int) error {
	if deep > mostDeep {
		return errDeep
	}
	*size++
	switch v.Kind() {
	case reflect.String:
		*size += v.Len()
	case reflect.Interface, reflect.Pointer:
		if !v.IsNil() {
			return measure(v.Elem(), size, deep+1)
		}
	case reflect.Slice, reflect.Array:
		for i := 0; i < v.Len() && *size <= mostOnce; i++ {
			if err := measure(v.Index(i), size, deep+1); err != nil {
				return err
			}
		}
	case reflect.Map:
		for at := v.MapRange(); *size <= mostOnce && at.Next(); {
			for _, of := range []reflect.Value{at.Key(), at.Value()} {
				if err := measure(of, size, deep+1); err != nil {
					return err
				}
			}
		}
	default:
	}
	return nil
}

// watched are functions that many a loop of a template calls: they end it once the context ends. Those that are limited stay so.
func watched(ctx context.Context, limited template.FuncMap) template.FuncMap {
	all := sprig.TxtFuncMap()
	maps.Copy(all, limited)
	wrapped := template.FuncMap{}
	for _, name := range []string{"add", "add1", "append", "cat", "concat", "default", "dict", "list", "merge", "mul", "quote", "set", "sub", "toString", "trunc"} {
		f := reflect.ValueOf(all[name])
		wrapped[name] = reflect.MakeFunc(f.Type(), func(args []reflect.Value) []reflect.Value {
			if ctx.Err() != nil {
				panic(ctx.Err()) // the engine makes an error of it
			}
			if f.Type().IsVariadic() {
				return f.CallSlice(args)
			}
			return f.Call(args)
		}).Interface()
	}
	return wrapped
}

// Functions are sprig's, for templates that are none of a chart: those that make much of little have the limits that charts have,
// and a loop that calls some of them ends with the context.
func Functions(ctx context.Context) template.FuncMap {
	all, limited := sprig.TxtFuncMap(), bounds()
	maps.Copy(all, limited)
	maps.Copy(all, watched(ctx, limited))
	return all
}

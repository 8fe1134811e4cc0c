package chart

import (
	"context"
	"fmt"
	"math"
	"reflect"
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
	return limited
}

// watched are functions that many a loop of a template calls: they end it once the context ends.
func watched(ctx context.Context) template.FuncMap {
	all := sprig.TxtFuncMap()
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

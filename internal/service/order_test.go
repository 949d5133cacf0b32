package service

import (
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func names(services []*Service) string {
	var names []string
	for _, s := range services {
		names = append(names, s.Name)
	}
	return strings.Join(names, " ")
}

func TestOrder(t *testing.T) {
	for text, want := range map[string]string{
		"{a: {command: x}, b: {command: x}, c: {command: x}}":                                                                                                  "a b c program",
		"{a: {command: x, depends_on: [c]}, b: {command: x}, c: {command: x}}":                                                                                 "c a b program",
		"{a: {command: x, depends_on: [c, b]}, b: {command: x, depends_on: [c]}, c: {command: x}}":                                                             "c b a program",
		"{a: {command: x, depends_on: [program]}, b: {command: x, depends_on: [a]}, c: {command: x}}":                                                          "c program a b",
		"{program: {}, a: {command: x}}":                                                                                                                       "program a",
		"{program: {depends_on: [b]}, a: {command: x}, b: {command: x}}":                                                                                       "b program a",
		"{a: {command: x, depends_on: [c, b]}, b: {command: x}, c: {command: x}, program: {depends_on: [b]}}":                                                  "c b a program",
		"{a: {command: x, depends_on: {b: {condition: service_started, required: false}, c: {condition: service_started, required: false}}}, c: {command: x}}": "c a program",
	} {
		f, said := parse(t, "services: "+text, nil, nil, "p")
		require.NotContains(t, strings.ReplaceAll(said, "warning: f:", ""), "f:", said)
		assert.Equal(t, want, names(f.Order()), text)
	}
}

func TestExtensionsAreWhereComposeHasThem(t *testing.T) {
	f, said := parse(t, "x-a: $UNSET\nservices: {x-b: {command: x, x-c: [], environment: {x-d: $SET}}}", nil, map[string]string{"SET": "set"})
	require.Empty(t, said)
	assert.Equal(t, "x-b", f.Services[0].Name)
	assert.Equal(t, []string{"x-d=set"}, f.Services[0].Env)
}

// Whatever the graph, each service comes after what it depends on, or there is a cycle, which is one.
func TestOrderOfAnything(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	orders, cycles := 0, 0
	for range 2000 {
		f := &File{}
		for i := range 1 + random.Intn(7) {
			s := Service{Name: string(rune('a' + i))}
			for range random.Intn(3) {
				s.DependsOn = append(s.DependsOn, Dependency{Name: string(rune('a' + random.Intn(7)))})
			}
			f.Services = append(f.Services, s)
		}
		order := f.Order()
		require.Len(t, order, len(f.Services))
		late := func(s *Service) bool {
			return slices.ContainsFunc(s.DependsOn, func(d Dependency) bool {
				on := f.Find(d.Name)
				return on != nil && slices.Index(order, on) >= slices.Index(order, s)
			})
		}
		all := f.cycles()
		require.Equal(t, len(all) > 0, slices.ContainsFunc(order, late))
		for _, cycle := range all {
			for i, name := range cycle {
				next := cycle[(i+1)%len(cycle)]
				require.True(t, slices.ContainsFunc(f.Find(name).DependsOn, func(d Dependency) bool { return d.Name == next }))
			}
			cycles++
		}
		if len(all) == 0 {
			orders++
		}
	}
	require.Greater(t, orders, 100)
	require.Greater(t, cycles, 100)
}

func TestWhatIsEssential(t *testing.T) {
	f, said := parse(t, `
services:
  plain: {command: x}
  always: {command: x, restart: always}
  failing: {command: x, restart: on-failure}
  setup: {command: x}
  web: {command: x, x-essential: false, depends_on: {setup: {condition: service_completed_successfully}, plain: {condition: service_started}}}
  both: {command: x, x-essential: true, restart: "on-failure:2"}
  spared: {command: x, x-essential: false, restart: on-failure:2}
`, nil, nil, "p")
	require.Empty(t, said)
	var essential, spared []string
	for _, s := range f.Services {
		if s.Essential {
			essential = append(essential, s.Name)
		}
		if s.Spared {
			spared = append(spared, s.Name)
		}
	}
	assert.Equal(t, []string{"plain", "both", "program"}, essential)
	assert.Equal(t, []string{"web", "spared"}, spared)
	assert.Nil(t, f.Find("none"))
	assert.Equal(t, []Dependency{
		{Name: "plain"}, {Name: "always"}, {Name: "failing"}, {Name: "setup", Condition: Completed}, {Name: "web", Optional: true}, {Name: "both"}, {Name: "spared", Optional: true},
	}, f.Find(ProgramName).DependsOn)
}

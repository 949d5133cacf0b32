package service

import "github.com/tinit-dev/tinit/internal/yaml"

// logging reads Docker's drivers and their options, which have Docker's defaults.
func (r *reader) logging(n *yaml.Node) (l Logging) {
	var options *yaml.Node
	var driver *yaml.Node
	r.mapping(n, "logging", []field{
		{"driver", func(n *yaml.Node) {
			driver = n
			l.Driver = 1 + Driver(max(0, r.oneOf(n, "driver", "json-file", "local", "none")))
		}},
		{"options", func(n *yaml.Node) { options = n }},
	})
	switch {
	case n.Kind != yaml.Mapping:
	case driver == nil:
		r.fail(n, "logging has no driver")
	case l.Driver == JSONFile:
		l.MaxFiles = 1
	case l.Driver == Local:
		l.MaxSize, l.MaxFiles = 20_000_000, 5
	}
	switch {
	case options == nil:
	case l.Driver == None && len(options.Members) > 0:
		r.fail(options, "the logging driver none has no options")
	default:
		r.mapping(options, "options", []field{
			{"max-size", func(n *yaml.Node) { l.MaxSize = r.size(n, "max-size") }},
			{"max-file", func(n *yaml.Node) { l.MaxFiles = r.number(n, "max-file", 1) }},
		})
	}
	return l
}

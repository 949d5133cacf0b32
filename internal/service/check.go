package service

import (
	"slices"
	"strings"
	"syscall"

	"github.com/tinit-dev/tinit/internal/yaml"
)

// check checks what is between services, and makes them whole with what one says of another.
func (r *reader) check(drafts []*draft, program []string) *File {
	byName := map[string]*draft{}
	for _, s := range drafts {
		byName[s.Name] = s
	}
	var unnamed *draft // PROGRAM, if there is one of which the file says nothing
	if len(program) > 0 {
		if byName[ProgramName] == nil {
			unnamed = &draft{Service: Service{Name: ProgramName, StopSignal: syscall.SIGTERM, StopGrace: defaultGrace, Logging: Logging{Prefix: true}}}
			byName[ProgramName] = unnamed
		}
		byName[ProgramName].Args = program
	}
	for _, s := range drafts {
		r.checkCommand(s, program)
		r.resolve(s, byName)
	}
	if unnamed != nil {
		unnamed.DependsOn = others(drafts)
		drafts = append(drafts, unnamed)
	}
	f := &File{}
	awaited := awaitedEnds(drafts)
	for _, s := range drafts {
		r.settleEssential(s, awaited[s.Name])
		f.Services = append(f.Services, s.Service)
	}
	r.checkCycles(drafts, f)
	return f
}

func (r *reader) checkCommand(s *draft, program []string) {
	switch {
	case s.Name == ProgramName && s.command != nil:
		r.fail(s.command, "%s is the PROGRAM of the command line, and has a command there", ProgramName)
	case s.Name == ProgramName && len(program) == 0:
		r.fail(s.key, "%s stands for the PROGRAM of the command line, and there is none", ProgramName)
	case s.Name == ProgramName:
	case s.command == nil:
		r.fail(s.key, "service %s has no command", s.Name)
	case len(s.Args) == 0 || s.Args[0] == "":
		r.fail(s.command, "the command of service %s is empty", s.Name)
	}
}

// resolve checks whom s depends on, and drops those that there need not be.
func (r *reader) resolve(s *draft, byName map[string]*draft) {
	var kept []Dependency
	var places []*yaml.Node
	seen := map[string]bool{}
	for i, d := range s.DependsOn {
		at, on := s.depends[i], byName[d.Name]
		switch {
		case seen[d.Name]:
			r.fail(at, "service %s depends on %s already", s.Name, d.Name)
		case on == nil && d.Optional:
			r.warn(at, "there is no service %q", d.Name)
			continue
		case on == nil:
			r.fail(at, "there is no service %q%s", d.Name, similar(d.Name, byName))
		case d.Condition == Healthy && on.Health == nil && !on.Notify:
			r.fail(at, "service %s can't be healthy: it has neither healthcheck nor x-ready", d.Name)
		case d.Condition == Completed && on.Restart.Always:
			r.fail(at, "service %s never completes: it is always restarted", d.Name)
		}
		seen[d.Name] = true
		kept, places = append(kept, d), append(places, at)
	}
	s.DependsOn, s.depends = kept, places
}

func similar(name string, byName map[string]*draft) string {
	var found []string
	for other := range byName {
		if near(name, other) {
			found = append(found, other)
		}
	}
	if len(found) == 0 {
		return ""
	}
	return ": did you mean " + slices.Min(found) + "?"
}

// awaitedEnds are the names of those whose end others wait for: one-shots.
func awaitedEnds(drafts []*draft) map[string]bool {
	awaited := map[string]bool{}
	for _, s := range drafts {
		for _, d := range s.DependsOn {
			awaited[d.Name] = awaited[d.Name] || d.Condition == Completed
		}
	}
	return awaited
}

// settleEssential: what is neither restarted nor waited for is essential, unless it says otherwise.
func (r *reader) settleEssential(s *draft, awaited bool) {
	restarted := s.Restart.Always || s.Restart.OnFailure
	switch {
	case s.ends == nil:
		s.Essential = !restarted && !awaited
	case s.Essential && s.Restart.Always:
		r.fail(s.ends, "service %s can't be essential: it is always restarted", s.Name)
	default:
		s.Spared = !s.Essential
	}
}

// checkCycles says each cycle where it closes.
func (r *reader) checkCycles(drafts []*draft, f *File) {
	for _, cycle := range f.cycles() {
		text := make([]string, 0, len(cycle))
		for i, name := range cycle {
			text = append(text, name+" depends on "+cycle[(i+1)%len(cycle)])
		}
		last := drafts[slices.IndexFunc(drafts, func(s *draft) bool { return s.Name == cycle[len(cycle)-1] })]
		at := slices.IndexFunc(last.DependsOn, func(d Dependency) bool { return d.Name == cycle[0] })
		r.fail(last.depends[at], "services wait for each other: %s", strings.Join(text, ", "))
	}
}

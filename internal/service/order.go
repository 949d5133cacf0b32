package service

import "slices"

// Find returns the service of that name, nil if there is none.
func (f *File) Find(name string) *Service {
	i := slices.IndexFunc(f.Services, func(s Service) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &f.Services[i]
}

// Order is an order in which services can be started one after another: each after those that it depends on, and apart from that
// as in the file. Those that need not wait for each other may be started at the same time. In the reverse order they can be stopped.
func (f *File) Order() (order []*Service) {
	f.walk(func(s *Service) { order = append(order, s) }, nil)
	return order
}

// cycle is of services of which each depends on the next, and the last on the first; nil if there is none.
func (f *File) cycle() (names []string) {
	f.walk(nil, func(path []string) {
		if names == nil {
			names = slices.Clone(path)
		}
	})
	return names
}

// walk calls leave for each service, after it was called for those that it depends on; and cycle for what stands against that.
func (f *File) walk(leave func(*Service), cycle func(path []string)) {
	index := make(map[string]*Service, len(f.Services))
	for i := range f.Services {
		index[f.Services[i].Name] = &f.Services[i]
	}
	done := map[string]bool{}
	var path []string
	var visit func(s *Service)
	visit = func(s *Service) {
		if done[s.Name] {
			return
		}
		if i := slices.Index(path, s.Name); i >= 0 {
			if cycle != nil {
				cycle(path[i:])
			}
			return
		}
		path = append(path, s.Name)
		for _, d := range s.DependsOn {
			if on := index[d.Name]; on != nil {
				visit(on)
			}
		}
		path = path[:len(path)-1]
		done[s.Name] = true
		if leave != nil {
			leave(s)
		}
	}
	for i := range f.Services {
		visit(&f.Services[i])
	}
}

// others are what a PROGRAM depends on of which the file says nothing: all, but for those that depend on it.
func others(drafts []*draft) (all []Dependency) {
	after := map[string]bool{ProgramName: true}
	for grown := true; grown; {
		grown = false
		for _, s := range drafts {
			if !after[s.Name] && slices.ContainsFunc(s.DependsOn, func(d Dependency) bool { return after[d.Name] }) {
				after[s.Name], grown = true, true
			}
		}
	}
	awaited := awaitedEnds(drafts)
	for _, s := range drafts {
		if after[s.Name] {
			continue
		}
		d := Dependency{Name: s.Name}
		if awaited[s.Name] {
			d.Condition = Completed
		}
		all = append(all, d)
	}
	return all
}

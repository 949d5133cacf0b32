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
	f.walk(func(s *Service) { order = append(order, s) }, func([]string) {})
	return order
}

// cycles are of services of which each depends on the next, and the last on the first. There may be more of them than that, but
// none is left without these.
func (f *File) cycles() (all [][]string) {
	f.walk(func(*Service) {}, func(path []string) { all = append(all, slices.Clone(path)) })
	return all
}

// walk calls leave for each service, after it was called for those that it depends on; and cycle for what stands against that.
func (f *File) walk(leave func(*Service), cycle func(path []string)) {
	index := make(map[string]*Service, len(f.Services))
	for i := range f.Services {
		index[f.Services[i].Name] = &f.Services[i]
	}
	done := map[string]bool{}
	var path []string
	places := map[string]int{} // in path, of what is there and not done
	var visit func(s *Service)
	visit = func(s *Service) {
		i, visited := places[s.Name]
		switch {
		case done[s.Name]:
			return
		case visited:
			cycle(path[i:])
			return
		}
		places[s.Name] = len(path)
		path = append(path, s.Name)
		for _, d := range s.DependsOn {
			if on := index[d.Name]; on != nil {
				visit(on)
			}
		}
		path = path[:len(path)-1]
		done[s.Name] = true
		leave(s)
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
		// One of which the file says that it may fail does not keep PROGRAM from starting.
		d := Dependency{Name: s.Name, Optional: s.ends != nil && !s.Essential}
		if awaited[s.Name] {
			d.Condition = Completed
		}
		all = append(all, d)
	}
	return all
}

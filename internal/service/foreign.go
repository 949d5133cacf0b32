package service

// inAContainer is what to do in place of a key of Compose's that says how a container is made; empty for any other.
func inAContainer(key string) string {
	switch key {
	case "image", "build", "pull_policy", "platform", "provider", "develop", "runtime", "isolation":
		return "give the program as command"
	case "ports", "expose", "networks", "network_mode", "links", "external_links", "extra_hosts", "dns", "dns_opt", "dns_search", "domainname", "hostname", "mac_address":
		return "they share its network"
	case "volumes", "volumes_from", "tmpfs", "configs", "secrets", "devices", "read_only", "storage_opt", "shm_size":
		return "they share its files"
	case "deploy", "scale", "cpus", "cpu_count", "cpu_percent", "cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime", "cpu_shares", "cpuset",
		"mem_limit", "mem_reservation", "mem_swappiness", "memswap_limit", "oom_kill_disable", "oom_score_adj", "pids_limit", "blkio_config", "cgroup",
		"cgroup_parent", "gpus", "device_cgroup_rules", "ulimits", "sysctls":
		return "they share what it may use"
	case "cap_add", "cap_drop", "privileged", "security_opt", "userns_mode", "ipc", "pid", "uts", "credential_spec", "group_add":
		return "they share what it may do"
	case "container_name", "labels", "label_file", "annotations", "init", "stdin_open", "tty", "attach", "models", "use_api_socket":
		return "leave it out"
	}
	return ""
}

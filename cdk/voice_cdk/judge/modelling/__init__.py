"""Make the model out of resolved resources: network, transit, security groups, services, hosts and their roles."""

"""The lab: namespaces and real IPsec peers around a NAT under test.

    run.py         one run: its unique name, its directory, its clean-up
    netns.py       a network namespace of this run, and commands inside it
    topology.py    the hosts and the wires between them (opens with a drawing)
    guest.py       user-mode-linux: the IPsec hosts, with a kernel that has ESP
    agent.py       what runs *inside* the guest: its init and command server
    agent_xfrm.py  ... and what the guest's kernel says of IPsec
    connections.py the connections between clients and gateways, as libreswan's configuration
    pluto.py       libreswan: one daemon per IPsec host
    world.py       all of the above together: `with World() as world: ...`
    nat.py         the NAT under test, as the cases see it
    masquerade.py  ... the kernel's own MASQUERADE, for contrast
    onetoone.py    ... a public address for each client, the control: nothing is shared
    spinatd.py     ... spinat
    probes.py      ping and bulk transfer through a tunnel, with counts
    capture.py     what really crossed a wire
    espwatch.py    ESP into the NAT against ESP out of it, to the right host
    together.py    several things at the same moment
    ordinary.py    an http page and a name, for hosts that know nothing of IPsec
    scene.py       a case, and what its body works with
    result.py      what a case counted, and whether that is good
    cases.py       the scenarios a, b, c, e, f, g, h and the rekeys
    shared.py      ... several clients of one gateway
    links.py       ... over narrow links, and links that disorder fragments
    vpnc.py        ... with a client that is not libreswan
    report.py      tables for a plain terminal
    demo.py        what `make demo` runs
    cleanup.py     removes what dead runs left behind
    need.py        what the machine must have, and why a test is skipped

Everything happens in namespaces that the run itself made.  Needs root, Python 3.11 and the Debian packages
named in need.py; nothing outside the standard library.
"""

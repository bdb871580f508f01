"""Objects that tests of whole clients declare, and what became of them."""

# Of the dashboard of the probe that `probe_body` makes.
UID = "vp-b1282a905a494fe3a3e60259f5275dc5"


def voice_client(generation=1, **spec):
    uid = "00000000-0000-0000-0000-00000000000c"
    meta = {"name": "client", "namespace": "acme", "uid": uid, "generation": generation}
    return {"apiVersion": "voicequality.io/v1alpha1", "kind": "VoiceClient", "metadata": meta, "spec": spec}


def many(probe_body, count):
    return [probe_body(metadata={"name": f"p{n}", "uid": f"00000000-0000-0000-0000-{n:012}"}) for n in range(count)]


def plan(world, client="acme"):
    return {probe for of, probe in world.database.plan if of == client}

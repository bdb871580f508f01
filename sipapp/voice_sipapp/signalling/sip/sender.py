"""The sending half of a dialog: its requests go where the far end wants them, bear proofs where they may and must."""

from collections.abc import Callable, Sequence
from typing import Any

from sippy.MsgBody import MsgBody
from sippy.UA import UA

from voice_sipapp.signalling.credentials import Credential
from voice_sipapp.signalling.sip import dialog
from voice_sipapp.signalling.sip.capabilities import ALLOWED
from voice_sipapp.signalling.sip.challenges import Challenges
from voice_sipapp.signalling.sip.dialog import Dialog
from voice_sipapp.signalling.sip.headers import described, header, values
from voice_sipapp.signalling.sip.offers import Media, Offers

Headers = Sequence[Any]
Told = Callable[[Any], None]


class Sender(UA):  # type: ignore[misc]  # the stack is untyped
    """The sending half of one dialog. `edge` is where everything of it is sent to, where not to the far end itself."""

    def __init__(
        self,
        *arguments: Any,  # noqa: ANN401
        media: Media | None = None,
        credential: Credential | None = None,
        edge: tuple[str, int] | None = None,
        **named: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(*arguments, **named)
        self.rAddr: Any
        self.edge = edge
        self.dialog: Dialog | None = None
        self.offers = Offers(media)
        self.invite: Any = None
        """The last INVITE, if it was ours; its server transaction, if it was the far end's."""
        # The stack is told of no password: it would answer whoever asks.
        self.challenges = Challenges(credential, edge, self.global_config["_sip_address"])
        self._closing = 0

    @property
    def quiet(self) -> bool:
        """Whether the far end owes us no answer."""
        return self._closing == 0 and str(self.state) != "Cancelling(UAC)"

    def made_by(self, answer: Any) -> Dialog:  # noqa: ANN401
        """The dialog that `answer`, to our INVITE, makes."""
        return dialog.of_answer(answer, self.rTarget, self.rAddr0[0])

    @property
    def owns_call_id(self) -> bool:
        """Whether the Call-ID is ours."""
        return bool(self.origin == "callee")

    @property
    def _hop(self) -> tuple[str, int]:
        """Where requests are sent to."""
        hop: tuple[str, int] = self.edge or (self.dialog.hop if self.dialog is not None else self.rAddr0[0])
        return hop

    def genRequest(self, method: str, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        """A request of this dialog. All of them leave by UDP: the edge speaks whatever else there is."""
        if self.dialog is not None:
            self.rTarget, self.routes = self.dialog.uri, self.dialog.route
        self.rAddr = (self._hop, "udp")
        request = super().genRequest(method, *arguments, **named)
        return self.guarded(request)

    def guarded(self, request: Any) -> Any:  # noqa: ANN401
        """`request` without proofs where it goes to no host for them; so will its ACK."""
        self.challenges.guard(request, request.getTarget()[0])
        request.guard = self.challenges.guard
        return request

    def newTransaction(self, req: Any, req_extra_headers: Any = None, **named: Any) -> Any:  # noqa: ANN401
        """Send `req`; a BYE that is challenged is sent again with our credential."""
        if req.getMethod() == "BYE" and "resp_cb" not in named:
            self._closing += 1
            reason = [header("Reason", each) for each in values(req, "reason")]
            self.post(lambda extra: self.genRequest("BYE", extra_headers=[*reason, *extra]), self._closed, made=req)
            return None
        if req.getMethod() == "INVITE":
            self.invite = req
        return super().newTransaction(req, req_extra_headers, **named)

    def _closed(self, _: Any) -> None:  # noqa: ANN401
        self._closing -= 1

    def post(
        self,
        make: Callable[[Headers], Any],
        done: Told,
        extra: Headers = (),
        rounds: int = 0,
        made: Any = None,  # noqa: ANN401
    ) -> None:
        """Send the request that `make` makes of header fields (`made` is the first one), again with proofs as often as
        it is challenged; any other answer is given to `done`.
        """
        request = make(extra) if made is None else made
        request.rounds = rounds

        def came(response: Any) -> None:  # noqa: ANN401
            code, _ = response.getSCode()
            if self.isDead() or code < 200:
                return
            if code in (401, 407) and (proofs := self.challenges.meet(response, request, str(request.getRURI()))):
                self.post(make, done, proofs, rounds + 1)
            else:
                done(response)

        send = super().newTransaction
        self.global_config["_sip_tm"].after_acknowledging(lambda: send(request, resp_cb=came))

    def reinvite(self, extra: tuple[Any, ...], done: Told) -> bool:
        """Invite again with the session as it stands; False where that can't be now. `done` gets the final answer."""
        offer = self.offers.again() if self.isConnected() else None
        if offer is None:
            return False

        def made(proofs: Headers) -> Any:  # noqa: ANN401
            fields = [header("Allow", ALLOWED), *extra, *proofs]
            request = self.genRequest("INVITE", MsgBody(offer), extra_headers=fields)
            self.reqs.pop(request.getHFBody("cseq").getCSeqNum(), None)  # its answers are not the first INVITE's
            self.invite = request
            request.direct = self._direct
            return request

        def came(response: Any) -> None:  # noqa: ANN401
            code, _ = response.getSCode()
            if code < 300:
                self.retarget(response)
            self.offers.answered(str(self.cId), described(response) if code < 300 else "")
            done(response)

        self.post(made, came)
        return True

    def _direct(self, ack: Any) -> tuple[str, int]:  # noqa: ANN401
        """Put `ack`, of a 2xx within the dialog, on the dialog's way, whatever that answer says of one (section 12.2);
        where it is sent to.
        """
        if self.dialog is not None:
            self.dialog.direct(ack)
        return self._hop

    def retarget(self, message: Any) -> None:  # noqa: ANN401
        """Requests go to the Contact of `message` from now on, by the way that they went before (section 12.2)."""
        target = dialog.contact(message)
        if target is not None and self.dialog is not None:
            self.dialog = Dialog(target, self.dialog.routes, self.dialog.fallback)

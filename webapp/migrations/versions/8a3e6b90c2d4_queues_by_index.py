"""queues by index"""

from __future__ import annotations

from alembic import op

revision = '8a3e6b90c2d4'
down_revision = '5d1f0c7ab9e4'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('callback', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_callback_queue'), ['queue'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('callback', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_callback_queue'))

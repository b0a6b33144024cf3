"""doubtful calls"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = 'bda719a2fb38'
down_revision = 'c4e9ab55f185'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('call', schema=None) as batch_op:
        batch_op.add_column(sa.Column('doubtful', sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column('doubted_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(batch_op.f('ix_call_doubted_at'), ['doubted_at'], unique=False)
    with op.batch_alter_table('call', schema=None) as batch_op:
        batch_op.alter_column('doubtful', server_default=None)


def downgrade() -> None:
    with op.batch_alter_table('call', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_call_doubted_at'))
        batch_op.drop_column('doubted_at')
        batch_op.drop_column('doubtful')
